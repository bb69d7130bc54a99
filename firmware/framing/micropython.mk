# SPDX-License-Identifier: MIT
# User C module for ports that build with make: USER_C_MODULES=<project>/firmware
FRAMING_DIR := $(USERMOD_DIR)
FRAMING_BUILD_ID := $(shell cat $(FRAMING_DIR)/framing.h $(FRAMING_DIR)/framing.c | sha256sum | cut -c1-16)

SRC_USERMOD_C += $(FRAMING_DIR)/framing_mp.c
SRC_USERMOD_LIB_C += $(FRAMING_DIR)/framing.c
CFLAGS_USERMOD += -I$(FRAMING_DIR) -DFRAMING_BUILD_ID='"$(FRAMING_BUILD_ID)"'
