// SPDX-License-Identifier: MIT
// MicroPython binding of framing.c: one file for the user C module (built into the interpreter)
// and the dynamic native module (_framing.mpy). Law: arguments in, one small int out; nothing is
// allocated unless a call is wrong. Wrong buffers, numbers and states raise ValueError, wrong
// types TypeError. No static object here is written to: a native module has no room for it.
#if MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"
#define KIND "mpy"
#else
#include "py/obj.h"
#include "py/runtime.h"
#define KIND "user"
#endif

#include "framing.h"

static framing_in_t take_in(mp_obj_t object) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, MP_BUFFER_READ);
    framing_in_t span = { info.buf, info.len > FRAMING_MAX ? FRAMING_MAX : (uint32_t)info.len };
    return span;
}

static framing_out_t take_out(mp_obj_t object) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, MP_BUFFER_WRITE);
    framing_out_t span = { info.buf, info.len > FRAMING_MAX ? FRAMING_MAX : (uint32_t)info.len };
    return span;
}

static uint32_t take_int(mp_obj_t object) {
    if (mp_obj_is_exact_type(object, &mp_type_int)) {
        return FRAMING_OUTSIDE; // an integer, but too large for any buffer
    }
    mp_int_t value = mp_obj_get_int(object);
    return value < 0 || value > (mp_int_t)FRAMING_MAX ? FRAMING_OUTSIDE : (uint32_t)value;
}

static mp_obj_t give(int32_t result) {
    if (result > FRAMING_MISUSE) {
        return MP_OBJ_NEW_SMALL_INT(result);
    }
    if (result == FRAMING_BAD_STATE) {
        mp_raise_ValueError(MP_ERROR_TEXT("framing: state"));
    }
    if (result == FRAMING_BAD_RANGE) {
        mp_raise_ValueError(MP_ERROR_TEXT("framing: range"));
    }
    mp_raise_ValueError(MP_ERROR_TEXT("framing: value"));
    return MP_OBJ_NULL; // not reached
}

static mp_obj_t do_kind(const mp_obj_t *args) {
    (void)args;
    return mp_obj_new_str(KIND, sizeof KIND - 1);
}

static mp_obj_t do_build_id(const mp_obj_t *args) {
    (void)args;
    return mp_obj_new_str(framing_build_id(), FRAMING_BUILD_ID_LEN);
}

static mp_obj_t do_sum16(const mp_obj_t *args) {
    return give(framing_sum16(take_in(args[0]), take_int(args[1]), take_int(args[2])));
}

static mp_obj_t do_fcs16(const mp_obj_t *args) {
    return give(framing_fcs16(take_in(args[0]), take_int(args[1]), take_int(args[2])));
}

static mp_obj_t do_encode_into(const mp_obj_t *args) {
    return give(framing_local_encode(take_out(args[0]), take_int(args[1]), take_int(args[2]), take_int(args[3])));
}

static mp_obj_t do_deframe(const mp_obj_t *args) {
    return give(framing_local_deframe(take_out(args[0]), take_out(args[1]), take_int(args[2]), take_in(args[3]),
        take_int(args[4]), take_int(args[5])));
}

static mp_obj_t do_usi_crc(const mp_obj_t *args) {
    return give(framing_usi_crc(take_int(args[0]), take_in(args[1]), take_int(args[2]), take_int(args[3]),
        take_out(args[4]), take_int(args[5])));
}

static mp_obj_t do_usi_encode_into(const mp_obj_t *args) {
    return give(framing_usi_encode(take_out(args[0]), take_int(args[1]), take_int(args[2]), take_in(args[3]),
        take_int(args[4]), take_int(args[5])));
}

static mp_obj_t do_usi_deframe(const mp_obj_t *args) {
    return give(framing_usi_deframe(take_out(args[0]), take_out(args[1]), take_in(args[2]), take_int(args[3]),
        take_int(args[4])));
}

static mp_obj_t do_wpdu_scan(const mp_obj_t *args) {
    return give(framing_wpdu_scan(take_in(args[0]), take_int(args[1]), take_int(args[2]), take_int(args[3])));
}

static mp_obj_t do_ghash_start(const mp_obj_t *args) {
    return give(framing_ghash_start(take_out(args[0]), take_in(args[1]), take_int(args[2])));
}

static mp_obj_t do_ghash_update(const mp_obj_t *args) {
    return give(framing_ghash_update(take_out(args[0]), take_in(args[1]), take_int(args[2]), take_int(args[3])));
}

static mp_obj_t do_ghash_text(const mp_obj_t *args) {
    return give(framing_ghash_text(take_out(args[0])));
}

static mp_obj_t do_ghash_finish(const mp_obj_t *args) {
    return give(framing_ghash_finish(take_out(args[0]), take_out(args[1]), take_int(args[2])));
}

// Name and number of arguments of every function: the one list both kinds of module are made from.
#define FOR_EACH(BIND) \
    BIND(MP_QSTR_kind, kind, 0) \
    BIND(MP_QSTR_build_id, build_id, 0) \
    BIND(MP_QSTR_sum16, sum16, 3) \
    BIND(MP_QSTR_fcs16, fcs16, 3) \
    BIND(MP_QSTR_encode_into, encode_into, 4) \
    BIND(MP_QSTR_deframe, deframe, 6) \
    BIND(MP_QSTR_usi_crc, usi_crc, 6) \
    BIND(MP_QSTR_usi_encode_into, usi_encode_into, 6) \
    BIND(MP_QSTR_usi_deframe, usi_deframe, 5) \
    BIND(MP_QSTR_wpdu_scan, wpdu_scan, 4) \
    BIND(MP_QSTR_ghash_start, ghash_start, 3) \
    BIND(MP_QSTR_ghash_update, ghash_update, 4) \
    BIND(MP_QSTR_ghash_text, ghash_text, 1) \
    BIND(MP_QSTR_ghash_finish, ghash_finish, 3)

#if MICROPY_ENABLE_DYNRUNTIME

#define NATIVE(qstring, name, argc) \
    static mp_obj_t call_##name(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) { \
        (void)self; \
        mp_arg_check_num(n_args, n_kw, argc, argc, false); \
        return do_##name(args); \
    }
FOR_EACH(NATIVE)

#define STORE(qstring, name, argc) mp_store_global(qstring, MP_DYNRUNTIME_MAKE_FUNCTION(call_##name));

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    (void)n_args;
    (void)n_kw;
    (void)args;
    FOR_EACH(STORE)
    MP_DYNRUNTIME_INIT_EXIT
}

#else

#define BUILT_IN(qstring, name, argc) \
    static mp_obj_t call_##name(size_t n_args, const mp_obj_t *args) { \
        (void)n_args; \
        return do_##name(args); \
    } \
    static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name##_obj, argc, argc, call_##name);
FOR_EACH(BUILT_IN)

#define ROW(qstring, name, argc) { MP_ROM_QSTR(qstring), MP_ROM_PTR(&name##_obj) },

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__framing) },
    FOR_EACH(ROW)
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t framing_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR__framing, framing_module);

#endif
