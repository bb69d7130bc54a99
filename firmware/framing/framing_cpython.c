// SPDX-License-Identifier: MIT
// CPython binding of framing.c, for host tests: same names, arguments and errors as on the device.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "framing.h"

// Arguments as read by a signature: r = buffer, w = writable buffer, i = number.
#define MAX_ARGS 6

typedef struct {
    Py_buffer buffers[MAX_ARGS];
    uint32_t numbers[MAX_ARGS];
    Py_ssize_t taken;
    const char *signature;
} call_t;

static framing_in_t in(const call_t *call, int i) {
    Py_ssize_t len = call->buffers[i].len;
    framing_in_t span = { call->buffers[i].buf, len > (Py_ssize_t)FRAMING_MAX ? FRAMING_MAX : (uint32_t)len };
    return span;
}

static framing_out_t out(const call_t *call, int i) {
    Py_ssize_t len = call->buffers[i].len;
    framing_out_t span = { call->buffers[i].buf, len > (Py_ssize_t)FRAMING_MAX ? FRAMING_MAX : (uint32_t)len };
    return span;
}

static int take_int(PyObject *object, uint32_t *number) {
    int overflow = 0;
    long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (value == -1 && PyErr_Occurred()) {
        return -1;
    }
    *number = overflow || value < 0 || value > (long long)FRAMING_MAX ? FRAMING_OUTSIDE : (uint32_t)value;
    return 0;
}

static void drop(call_t *call) {
    for (Py_ssize_t i = 0; i < call->taken; i++) {
        if (call->signature[i] != 'i') {
            PyBuffer_Release(&call->buffers[i]);
        }
    }
}

static int take(call_t *call, const char *signature, PyObject *const *args, Py_ssize_t count) {
    call->signature = signature;
    call->taken = 0;
    if (count != (Py_ssize_t)strlen(signature)) {
        PyErr_SetString(PyExc_TypeError, "framing: number of arguments");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        int flags = signature[i] == 'w' ? PyBUF_WRITABLE : PyBUF_SIMPLE;
        int failed = signature[i] == 'i' ? take_int(args[i], &call->numbers[i])
                                         : PyObject_GetBuffer(args[i], &call->buffers[i], flags);
        if (failed) {
            drop(call);
            return -1;
        }
        call->taken = i + 1;
    }
    return 0;
}

static PyObject *give(call_t *call, int32_t result) {
    drop(call);
    if (result > FRAMING_MISUSE) {
        return PyLong_FromLong(result);
    }
    const char *what = result == FRAMING_BAD_STATE ? "state" : result == FRAMING_BAD_RANGE ? "range" : "value";
    return PyErr_Format(PyExc_ValueError, "framing: %s", what);
}

#define N(i) call.numbers[i]
#define CALL(name, sig, expression) \
    static PyObject *do_##name(PyObject *self, PyObject *const *args, Py_ssize_t count) { \
        (void)self; \
        call_t call; \
        return take(&call, sig, args, count) ? NULL : give(&call, expression); \
    }

CALL(sum16, "rii", framing_sum16(in(&call, 0), N(1), N(2)))
CALL(fcs16, "rii", framing_fcs16(in(&call, 0), N(1), N(2)))
CALL(encode_into, "wiii", framing_local_encode(out(&call, 0), N(1), N(2), N(3)))
CALL(deframe, "wwirii", framing_local_deframe(out(&call, 0), out(&call, 1), N(2), in(&call, 3), N(4), N(5)))
CALL(usi_crc, "iriiwi", framing_usi_crc(N(0), in(&call, 1), N(2), N(3), out(&call, 4), N(5)))
CALL(usi_encode_into, "wiirii", framing_usi_encode(out(&call, 0), N(1), N(2), in(&call, 3), N(4), N(5)))
CALL(usi_deframe, "wwrii", framing_usi_deframe(out(&call, 0), out(&call, 1), in(&call, 2), N(3), N(4)))
CALL(wpdu_scan, "riii", framing_wpdu_scan(in(&call, 0), N(1), N(2), N(3)))
CALL(ghash_start, "wri", framing_ghash_start(out(&call, 0), in(&call, 1), N(2)))
CALL(ghash_update, "wrii", framing_ghash_update(out(&call, 0), in(&call, 1), N(2), N(3)))
CALL(ghash_text, "w", framing_ghash_text(out(&call, 0)))
CALL(ghash_finish, "wwi", framing_ghash_finish(out(&call, 0), out(&call, 1), N(2)))

static PyObject *do_kind(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    call_t call;
    (void)self;
    return take(&call, "", args, count) ? NULL : PyUnicode_FromString("cpython");
}

static PyObject *do_build_id(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    call_t call;
    (void)self;
    return take(&call, "", args, count) ? NULL : PyUnicode_FromString(framing_build_id());
}

#define ROW(name) { #name, (PyCFunction)(void (*)(void))do_##name, METH_FASTCALL, NULL }

static PyMethodDef methods[] = {
    ROW(kind), ROW(build_id), ROW(sum16), ROW(fcs16), ROW(encode_into), ROW(deframe), ROW(usi_crc),
    ROW(usi_encode_into), ROW(usi_deframe), ROW(wpdu_scan), ROW(ghash_start), ROW(ghash_update), ROW(ghash_text),
    ROW(ghash_finish), { NULL, NULL, 0, NULL },
};

static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "_framing", NULL, 0, methods, NULL, NULL, NULL, NULL };

PyMODINIT_FUNC PyInit__framing(void) {
    return PyModule_Create(&module);
}
