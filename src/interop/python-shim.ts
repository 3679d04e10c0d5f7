/**
 * What runs package.py files: Python programs without Rez.
 *
 * Invariant: what is not ours runs in a process of its own, with a limit on time, memory and what
 * it may give back; what it writes goes nowhere. Answers leave one line at a time, in order, so
 * that what came before a crash is kept.
 * In: JSON on stdin. Out: one JSON object a line, with a `problem` where there is no answer.
 * Source: rez 3.4 `serialise.py` (what a definition sees), `package_py_utils.py`.
 * Not here: `commands()` (`rex-shim.ts`).
 */

/** Limits of one file. */
const definitionLimits = { seconds: 5, answerBytes: 1024 ** 2 } as const

/** What every program of ours begins with; runs on Python 3.7 and newer. */
export const pythonCommon = String.raw`
import importlib.abc, importlib.machinery, importlib.util, json, os, resource, select, signal, sys, time, types

MEMORY = 1024 ** 3
PROCESSES = 200


class Stub:
    """Stands for anything of Rez that solving does not depend on."""
    def __call__(self, *args, **kwargs):
        return args[0] if len(args) == 1 and callable(args[0]) else self
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self
    def __setattr__(self, name, value):
        pass
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return False
    def __iter__(self):
        return iter(())
    def __bool__(self):
        return False
    def __str__(self):
        return ''


class RezModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('rez', 'rezplugins'):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None
    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda name: STUBS.get(spec.name + '.' + name, Stub())
        return module
    def exec_module(self, module):
        pass


class System:
    platform = {'darwin': 'osx'}.get(sys.platform, sys.platform)
    arch = os.uname().machine
    os = ''
    user = hostname = fqdn = domain = ''
    rez_version = '3.4.0'
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return ''


STUBS = {
    'rez.system.system': System(),
    'rez.package_py_utils.expand_requires': lambda *requests: list(requests),
    'rez.package_py_utils.expand_requirement': lambda request, paths=None: request,
}


class ModifyList:
    """A change of a list of settings."""
    def __init__(self, append=None, prepend=None):
        self.change = {'append': append or [], 'prepend': prepend or []}


class This:
    def __init__(self, values):
        self.__dict__['values'] = values
    def __getattr__(self, name):
        value = self.values.get(name)
        if name not in self.values or getattr(value, '_bound', None):
            raise AttributeError('no attribute %s' % name)
        return value


def bound(kind):
    def decorator(function):
        function._bound = kind
        return function
    return lambda: decorator


def including(*names):
    def decorator(function):
        function._includes = names
        return function
    return decorator


def load(path, wanted=None):
    with open(path, 'rb') as file:
        source = file.read()
    values = {
        '__name__': os.path.splitext(os.path.basename(path))[0], '__file__': path,
        'early': bound('early'), 'late': bound('late'), 'ModifyList': ModifyList,
        'include': including, 'scope': lambda name: Stub(),
        'building': False, 'build_variant_index': 0, 'build_variant_requires': [],
    }
    exec(compile(source, path, 'exec'), values)
    if wanted is None:
        return values
    this = This(values)
    found = {}
    for name in wanted:
        if name not in values:
            continue
        value = values[name]
        if isinstance(value, types.FunctionType):
            if not getattr(value, '_bound', None):
                continue
            value.__globals__.update(this=this, in_context=lambda: False, request=Stub(),
                                     context=Stub())
            value = value()
        found[name] = value
    return found


def plain(value):
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, ModifyList):
        return {'__modify__': value.change}
    raise TypeError('%s is not plain data' % type(value).__name__)


def told(error):
    lines = ('%s: %s' % (type(error).__name__, error)).strip().splitlines()
    return (lines or ['it failed'])[0][:300]


def child(answer, out, seconds, size):
    os.setsid()
    os.nice(10)
    # More than can be used before collect() gives up, which says why.
    processor_seconds = seconds + 5
    for limit, value in ((resource.RLIMIT_CPU, processor_seconds), (resource.RLIMIT_AS, MEMORY),
                         (resource.RLIMIT_FSIZE, size), (resource.RLIMIT_CORE, 0),
                         (resource.RLIMIT_NPROC, 32)):
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            pass
    nowhere = os.open(os.devnull, os.O_RDWR)
    for own in (0, 1, 2):
        os.dup2(nowhere, own)
    try:
        data = json.dumps(answer(), default=plain, allow_nan=False).encode()
    except BaseException as error:
        data = json.dumps({'problem': told(error)}).encode()
    if len(data) > size:
        data = b'{"problem": "its answer is too large"}'
    while data:
        data = data[os.write(out, data):]


def next_pid():
    """Processes here are numbered in turn, so the next number tells how many there were."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def collect(source, pid, seconds, size):
    data, deadline = b'', time.monotonic() + seconds
    while len(data) <= size:
        if not select.select([source], [], [], 0.05)[0]:
            if time.monotonic() > deadline:
                return b'{"problem": "it ran for more than %d s"}' % seconds
            # The limit of the system does not hold for root.
            if not 0 < next_pid() - pid < PROCESSES:
                return b'{"problem": "it started more than %d processes"}' % PROCESSES
            continue
        chunk = os.read(source, 65536)
        if not chunk:
            break
        data += chunk
    try:
        return json.dumps(json.loads(data.decode())).encode()
    except (ValueError, RecursionError):
        return b'{"problem": "it ended without an answer"}'


def guarded(answer, seconds, size):
    """One line of JSON from a process of its own, of which nothing is left."""
    source, out = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(source)
            child(answer, out, seconds, size)
        finally:
            os._exit(0)
    os.close(out)
    line = collect(source, pid, seconds, size)
    os.close(source)
    try:
        os.kill(-1, signal.SIGKILL)  # Nobody else lives here, and nobody is to stay.
    except OSError:
        pass
    while True:
        try:
            os.waitpid(-1, 0)
        except OSError:
            break
    sys.stdout.buffer.write(line + b'\n')
    sys.stdout.buffer.flush()


def close_to_others():
    """No process of a package may look into this one or change it."""
    try:
        import ctypes
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass


def prepare():
    sys.meta_path.insert(0, RezModules())
    sys.dont_write_bytecode = True
    sys.setrecursionlimit(2000)
`

/** Gives the `wanted` attributes of the files at `paths`. */
export const definitionShim = String.raw`${pythonCommon}
def definition(path, wanted):
    os.chdir(os.path.dirname(path))
    return {'attributes': load(path, wanted)}


prepare()
close_to_others()
TASK = json.load(sys.stdin)
os.environ.update(TASK['variables'])
for path in TASK['paths']:
    guarded(lambda: definition(path, TASK['wanted']), ${definitionLimits.seconds}, ${definitionLimits.answerBytes})
`
