/* What the C of kernels stands on: words, Python's arithmetic, faults, and the border to Python. */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

/* A flat sequence of integers: an array of the caller's. No integer that is stored is of the type of a length, so that C
   need not read lengths again behind it. */
struct words { int64_t *at; long long length; };

/* What CPython raises: a kernel that comes to one is left at once, for its caller in Python. */
enum { K_INDEX = 1, K_DIVISION, K_STEP, K_SHIFT, K_INTERPRETED };
static _Thread_local jmp_buf *k_fault_to;
static _Noreturn __attribute__((cold, noinline)) void k_fault(int what) { longjmp(*k_fault_to, what); }

/* Returned by value: not copied where it is only read. */
static inline int64_t *k_at(struct words w, int64_t i) {
    if (__builtin_expect((uint64_t)i >= (uint64_t)w.length, 0)) k_fault(K_INDEX);
    return w.at + i;
}

static inline int64_t k_index(int64_t i, int64_t size) {
    if (__builtin_expect((uint64_t)i >= (uint64_t)size, 0)) k_fault(K_INDEX);
    return i;
}

/* Of things of so many words each, behind each other, the one of a number. */
static inline int64_t *k_part(struct words w, int64_t number, int64_t size) {
    if (__builtin_expect((uint64_t)number >= (uint64_t)(w.length / size), 0)) k_fault(K_INDEX);
    return w.at + number * size;
}

/* Division rounds down. Most numbers are small, and not negative: half as long. */
static inline int64_t k_floordiv(int64_t a, int64_t b) {
    if (__builtin_expect((uint64_t)(a | b) >> 32 == 0 && b, 1)) return (uint32_t)a / (uint32_t)b;
    if (__builtin_expect(b == 0, 0)) k_fault(K_DIVISION);
    if (b == -1) return -a;
    return a / b - ((a % b != 0) & ((a ^ b) < 0));
}
static inline int64_t k_mod(int64_t a, int64_t b) {
    if (__builtin_expect((uint64_t)(a | b) >> 32 == 0 && b, 1)) return (uint32_t)a % (uint32_t)b;
    if (__builtin_expect(b == 0, 0)) k_fault(K_DIVISION);
    if (b == -1) return 0;
    int64_t rest = a % b;
    return rest && (rest ^ b) < 0 ? rest + b : rest;
}
static __attribute__((cold, noinline)) int64_t k_far_right(int64_t a, int64_t bits) {
    if (bits < 0) k_fault(K_SHIFT);
    return a < 0 ? -1 : 0;
}
static inline int64_t k_right(int64_t a, int64_t bits) {
    if (__builtin_expect((uint64_t)bits > 63, 0)) return k_far_right(a, bits);
    return a >> bits;
}
static inline int64_t k_min(int64_t a, int64_t b) { return b < a ? b : a; }
static inline int64_t k_max(int64_t a, int64_t b) { return b > a ? b : a; }
static inline int64_t k_abs(int64_t a) { return a < 0 ? -a : a; }

/* A kernel as Python sees it: what it takes and gives, and what calls it with arguments that lie behind each other. */
struct k_kernel { PyMethodDef method; const char *takes, *gives; void (*run)(const int64_t *, int64_t *); };

/* What an array of NumPy begins with, as its ABI has it, and the flags of one that kernels take as it is. */
struct k_array {
    PyObject head;
    int64_t *at;
    int axes;
    Py_ssize_t *shape, *strides;
    PyObject *base, *type;
    int flags;
};
enum { K_CONTIGUOUS = 0x1, K_ALIGNED = 0x100, K_WRITABLE = 0x400, K_FLAGS = K_CONTIGUOUS | K_ALIGNED | K_WRITABLE };

/* The class of arrays, and the type of int64 in them; none where arrays are not as said above. */
static PyTypeObject *k_arrays;
static PyObject *k_int64;

/* Look at an array, once: whether it is what its buffer says. */
static void k_meet(void) {
    static int is_done;
    if (is_done++) return;
    PyObject *numpy = PyImport_ImportModule("numpy");
    PyObject *made = numpy ? PyObject_CallMethod(numpy, "zeros", "is", 3, "int64") : NULL;
    PyObject *type = made ? PyObject_GetAttrString(made, "dtype") : NULL;
    const struct k_array *array = (const struct k_array *)made;
    Py_buffer view;
    if (type && PyObject_GetBuffer(made, &view, PyBUF_CONTIG) == 0) {
        if (array->at == view.buf && array->axes == 1 && *array->shape == 3 && *array->strides == 8 &&
            array->type == type && (array->flags & K_FLAGS) == K_FLAGS) {
            k_arrays = Py_TYPE(made);
            k_int64 = type;
        }
        PyBuffer_Release(&view);
    }
    PyErr_Clear();
    Py_XDECREF(numpy);
    Py_XDECREF(made);
}

/* Say where an array of int64 on so many axes lies, and its shape: read off itself, as asking for a buffer takes long. */
static int k_hold(PyObject *from, int axes, int64_t **at, Py_ssize_t *shape, Py_buffer **held) {
    const struct k_array *array = (const struct k_array *)from;
    if (Py_IS_TYPE(from, k_arrays) && array->type == k_int64 && array->axes == axes &&
        (array->flags & K_FLAGS) == K_FLAGS) {
        *at = array->at;
        memcpy(shape, array->shape, (size_t)axes * sizeof *shape);
        return 0;
    }
    if (PyObject_GetBuffer(from, *held, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) < 0) return -1;
    Py_buffer *view = (*held)++;
    const char *format = view->format ? view->format : "B";
    int is_int64 = view->itemsize == 8 && (format[0] == 'l' || format[0] == 'q') && !format[1];
    if (view->ndim == axes && is_int64 && (uintptr_t)view->buf % 8 == 0) {
        *at = view->buf;
        memcpy(shape, view->shape, (size_t)axes * sizeof *shape);
        k_meet();
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "words are flat arrays of int64, not of '%s' on %d axes", format, view->ndim);
    return -1;
}

static void k_put(int64_t *at, int64_t length, int64_t **to) {
    struct words words = {at, length};
    memcpy(*to, &words, sizeof words);
    *to += sizeof words / sizeof **to;
}

/* A table of words alone in one piece: a row of an array for each. */
static int k_take_rows(const char **takes, PyObject *from, int64_t **to, Py_buffer **held) {
    size_t rows = strspn(*takes, "w");
    if ((*takes)[rows] == ')' && PyObject_CheckBuffer(from)) {
        int64_t *at;
        Py_ssize_t shape[2];
        if (k_hold(from, 2, &at, shape, held) < 0) return -1;
        if ((size_t)shape[0] == rows) {
            for (size_t i = 0; i < rows; i++) k_put(at + (Py_ssize_t)i * shape[1], shape[1], to);
            *takes += rows + 1;
            return 0;
        }
    }
    PyErr_Format(PyExc_TypeError, "a tuple of another size was expected, not %R", from);
    return -1;
}

/* Arguments from Python, by a letter each: i an integer, b a truth, w words, (...) a tuple, . what kernels do not know. */
static int k_take(const char **takes, PyObject *from, int64_t **to, Py_buffer **held) {
    switch (*(*takes)++) {
    case 'b':
        if (from == Py_True || from == Py_False) {
            *(*to)++ = from == Py_True;
            return 0;
        }
        PyErr_Format(PyExc_TypeError, "a truth was expected, not %R", from);
        return -1;
    case 'i':
        **to = PyLong_AsLongLong(from);
        return *(*to)++ == -1 && PyErr_Occurred() ? -1 : 0;
    case 'w': {
        int64_t *at;
        Py_ssize_t length;
        if (k_hold(from, 1, &at, &length, held) < 0) return -1;
        k_put(at, length, to);
        return 0;
    }
    case '(': {
        if (!PyTuple_Check(from)) return k_take_rows(takes, from, to, held);
        Py_ssize_t size = PyTuple_Size(from), i = 0;
        while (**takes != ')' && i < size)
            if (k_take(takes, PyTuple_GetItem(from, i++), to, held) < 0) return -1;
        if (*(*takes)++ == ')' && i == size) return 0;
        PyErr_Format(PyExc_TypeError, "a tuple of another size was expected, not %R", from);
        return -1;
    }
    }
    return 0;
}

/* A result for Python: i an integer, b a truth, n None, (...) a tuple, <module:name(...) an instance of that class. */
static PyObject *k_give(const char **gives, const int64_t **from) {
    char name[256] = "", *colon = name;
    PyObject *items, *item, *home, *class, *made;
    switch (*(*gives)++) {
    case 'i': return PyLong_FromLongLong(*(*from)++);
    case 'b': return PyBool_FromLong(*(*from)++ != 0);
    case 'n': Py_RETURN_NONE;
    case '<':
        for (char *to = name; **gives != '('; to++) {
            *to = *(*gives)++;
            if (*to == ':') colon = to;
        }
        (*gives)++;
    }
    if (!(items = PyList_New(0))) return NULL;
    for (int failed = 0; **gives != ')' && !failed; Py_XDECREF(item))
        failed = !(item = k_give(gives, from)) || PyList_Append(items, item) < 0;
    made = PyErr_Occurred() ? NULL : PyList_AsTuple(items);
    (*gives)++;
    Py_DECREF(items);
    if (!*name || !made) return made;
    *colon = 0;
    home = PyImport_ImportModule(name);
    class = home ? PyObject_GetAttrString(home, colon + 1) : NULL;
    items = class ? PyObject_CallObject(class, made) : NULL;
    Py_XDECREF(home);
    Py_XDECREF(class);
    Py_DECREF(made);
    return items;
}

static PyObject *k_raise(int what) {
    switch (what) {
    case K_INDEX: PyErr_SetString(PyExc_IndexError, "index out of range"); break;
    case K_DIVISION: PyErr_SetString(PyExc_ZeroDivisionError, "integer division or modulo by zero"); break;
    case K_STEP: PyErr_SetString(PyExc_ValueError, "range() arg 3 must not be zero"); break;
    case K_SHIFT: PyErr_SetString(PyExc_ValueError, "negative shift count"); break;
    default: PyErr_SetString(PyExc_ValueError, "only CPython runs this");
    }
    return NULL;
}

/* Say in what is raised of which argument it is. */
static void k_blame(const char *kernel, Py_ssize_t argument) {
    PyObject *class, *said, *traceback;
    PyErr_Fetch(&class, &said, &traceback);
    PyErr_Format(class, "%s: argument %zd: %S", kernel, argument, said ? said : Py_None);
    Py_XDECREF(class);
    Py_XDECREF(said);
    Py_XDECREF(traceback);
}

/* Call a kernel from Python: who calls holds the arrays, and the interpreter's lock is given up, for as long as it runs. */
static PyObject *k_call(PyObject *self, PyObject *const *arguments, Py_ssize_t given) {
    const struct k_kernel *kernel = PyLong_AsVoidPtr(self);
    int64_t room[K_ROOM], result[K_ROOM], *to = room;
    Py_buffer views[K_WORDS], *held = views;
    const char *takes = kernel->takes, *gives = kernel->gives;
    Py_ssize_t i = 0;
    while (*takes && i < given && k_take(&takes, arguments[i], &to, &held) == 0) i++;
    int what = 0, taken = !*takes && i == given;
    if (taken) {
        jmp_buf here, *before = k_fault_to;
        k_fault_to = &here;
        PyThreadState *state = PyEval_SaveThread();
        what = setjmp(here);
        if (!what) kernel->run(room, result);
        PyEval_RestoreThread(state);
        k_fault_to = before;
    } else if (PyErr_Occurred()) {
        k_blame(kernel->method.ml_name, i + 1);
    } else {
        PyErr_Format(PyExc_TypeError, "%s does not take %zd arguments", kernel->method.ml_name, given);
    }
    while (held != views) PyBuffer_Release(--held);
    const int64_t *from = result;
    return !taken ? NULL : what ? k_raise(what) : k_give(&gives, &from);
}

/* Add all kernels to a module, under their full names, with what they were made of. */
static PyObject *k_module(struct PyModuleDef *definition, struct k_kernel *kernel, const char *paths, const char *digest) {
    PyObject *module = PyModule_Create(definition);
    for (; module && kernel->run; kernel++) {
        PyObject *self = PyLong_FromVoidPtr(kernel);
        PyObject *function = self ? PyCFunction_New(&kernel->method, self) : NULL;
        if (!function || PyModule_AddObjectRef(module, kernel->method.ml_name, function) < 0) return NULL;
        Py_DECREF(self);
        Py_DECREF(function);
    }
    if (!module || PyModule_AddStringConstant(module, "SOURCES", paths) < 0) return NULL;
    return PyModule_AddStringConstant(module, "DIGEST", digest) < 0 ? NULL : module;
}
