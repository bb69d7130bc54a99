# SPDX-License-Identifier: MIT
# User C module for ports that build with CMake: USER_C_MODULES=<project>/firmware/framing/micropython.cmake
set(FRAMING_DIR ${CMAKE_CURRENT_LIST_DIR})
execute_process(
    COMMAND sh -c "cat framing.h framing.c | sha256sum | cut -c1-16"
    WORKING_DIRECTORY ${FRAMING_DIR}
    OUTPUT_VARIABLE FRAMING_BUILD_ID
    OUTPUT_STRIP_TRAILING_WHITESPACE
)

add_library(usermod_framing INTERFACE)
target_sources(usermod_framing INTERFACE ${FRAMING_DIR}/framing.c ${FRAMING_DIR}/framing_mp.c)
target_include_directories(usermod_framing INTERFACE ${FRAMING_DIR})
target_compile_definitions(usermod_framing INTERFACE FRAMING_BUILD_ID="${FRAMING_BUILD_ID}")
target_link_libraries(usermod INTERFACE usermod_framing)
