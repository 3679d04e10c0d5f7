/**
 * What replays `commands()`: a Python program that records what package code asks for.
 *
 * Invariant: package code sees what Rez shows it, and changes nothing: what it asks for comes back
 * as actions, in order, with `{field}` formatting done and `$VAR` left to whoever applies them.
 * In: a job (see `rex-replay.ts`). Out: `actions`, `roots` and `printed`, or a `problem`.
 * Source: rez 3.4 `resolved_context.py`, `rex_bindings.py`, `utils/sourcecode.py`,
 * `utils/backcompat.py`.
 */
import { pythonCommon } from './python-shim.ts'
import { rexRecorder } from './rex-recorder-shim.ts'
import { rexVersions } from './rex-versions-shim.ts'

/** Limits of one replay: all packages of an environment. */
const replayLimits = { seconds: 10, answerBytes: 16 * 1024 ** 2 } as const

const replay = String.raw`
JOB = {}
PLACE = [0, '']
PHASES = ('pre_commands', 'commands', 'post_commands')


def option(name, default=None):
    value = JOB['optionvars']
    for part in name.split('.'):
        if not isinstance(value, dict):
            raise RexError('Optionvar %r is invalid' % name)
        if part not in value:
            return default
        value = value[part]
    return value


def old_commands(lines):
    """Lines of bash, as packages of Rez 1 have them, as rex code."""
    def quoted(text):
        parts = re.split(r'((?<!\\)".*?(?<!\\)")', text)
        return repr(''.join(one if at % 2 else one.replace('\\"', '"')
                            for at, one in enumerate(parts)))
    code = []
    for line in lines:
        for old, new in (('VERSION', '{version}'), ('MAJOR_VERSION', '{version.major}'),
                         ('MINOR_VERSION', '{version.minor}'), ('BASE', '{base}'),
                         ('ROOT', '{root}'), ('USER', '{system.user}')):
            line = line.replace('!%s!' % old, new)
        words = line.split()
        first = words[0] if words else ''
        if first == 'export' and '=' in line:
            name, value = line.split(' ', 1)[1].split('=', 1)
            if len(value) > 1 and value[0] in '"\'' and value[-1] == value[0]:
                value = value[1:-1]
            separator = JOB['separators'].get(name, ':')
            if name == 'CMAKE_MODULE_PATH':
                for quote in '"\'':
                    value = value.replace(quote + separator + quote, separator)
                value = value.replace(':', separator)
            parts = [part for part in value.split(separator) if part]
            own = [at for at, part in enumerate(parts) if part in ('$' + name, '$' + '{%s}' % name)]
            if len(parts) > 1 and own and own[0] in (0, len(parts) - 1):
                operation = 'appendenv' if own[0] == 0 else 'prependenv'
                rest = parts[1:] if own[0] == 0 else parts[:-1]
                code.append("%s('%s', %s)" % (operation, name, quoted(separator.join(rest))))
            else:
                code.append("setenv('%s', %s)" % (name, quoted(value)))
        elif first == 'alias' and '=' in line:
            name, value = line.split('alias ', 1)[1].split('=', 1)
            value = value.strip()
            if len(value) > 1 and value[0] in '"\'' and value[-1] == value[0]:
                value = value[1:-1]
            code.append("alias('%s', %s)" % (name.strip(), quoted(value)))
        elif not first.startswith('#'):
            code.append('command(%s)' % quoted(line))
    return '\n'.join(code)


def indented(text):
    return '\n'.join('    ' + line for line in text.split('\n'))


def body_of(function, path):
    with open(path, 'rb') as file:
        source = file.read().decode('utf-8-sig')
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and function.__code__.co_firstlineno in (
                node.lineno, *(one.lineno for one in node.decorator_list)):
            return '\n'.join(source.splitlines()[node.lineno:node.end_lineno])
    raise RexError('the source of commands() was not found')


def code_of(value, path):
    """The code that Rez would run: a function's body bare, a text as a function's body."""
    if value is None:
        return None
    if isinstance(value, dict):
        return 'if True:\n' + indented('\n'.join(value['function'].split('\n')[1:]))
    if isinstance(value, types.FunctionType):
        return 'if True:\n' + indented(body_of(value, path))
    text = value if isinstance(value, str) else old_commands(value)
    return 'def _unnamed():\n%s\n_result = _unnamed()' % indented(text.rstrip() or 'pass')


class Package:
    """One package of the environment: what is asked of it is read when it is asked for."""
    def __init__(self, data):
        self.data = data
        self.loaded = None
    def values(self):
        if self.loaded is None:
            given = self.data.get('attributes')
            self.loaded = load(self.data['file']) if given is None else given
            if given is None and self.data['combined']:
                for text, own in (self.loaded.get('version_overrides') or {}).items():
                    if self.data['version'] in VersionRange(text):
                        self.loaded.update(own)
        return self.loaded
    def get(self, name):
        value = self.values().get(name)
        if getattr(value, '_bound', None):
            context = dict(NAMES, this=Binding(self), in_context=lambda: True, context=Stub())
            value.__globals__.update(context)
            value = value()
        return value
    def subpath(self):
        if self.data['index'] is None:
            return None
        return self.data['hashPath' if self.values().get('hashed_variants') else 'plainPath']
    def root(self):
        base, below = self.data['base'], self.subpath()
        return base if base is None or below is None else os.path.join(base, below)


class Binding:
    def __init__(self, package):
        self.__package = package
    def __getattr__(self, name):
        if name.startswith('__') and name.endswith('__'):
            raise AttributeError(name)
        package, data = self.__package, self.__package.data
        if name == 'version':
            return VersionBinding(data['version'])
        if name == 'root':
            return package.root()
        if name == 'subpath':
            return package.subpath()
        if name in ('base', 'index', 'name', 'uri'):
            return data[name]
        if name in ('requires', 'variant_requires'):
            key = 'requires' if name == 'requires' else 'variantRequires'
            return [Requirement(one) for one in data[key]]
        if name in ('qualified_package_name', 'qualified_name'):
            index = '' if data['index'] is None else data['index']
            return str(self) + ('[%s]' % index if name == 'qualified_name' else '')
        if name in ('is_variant', 'is_package'):
            return name == 'is_variant'
        if name in package.values():
            return package.get(name)
        if name in KNOWN:
            return None
        raise AttributeError("package %s has no attribute '%s'" % (self, name))
    def __str__(self):
        data = self.__package.data
        return data['name'] + ('-' + data['version'] if data['version'] else '')


KNOWN = frozenset('''description authors build_requires private_build_requires has_plugins
    plugin_for uuid config tools help hashed_variants relocatable cachable tests timestamp
    revision changelog release_message previous_version previous_revision vcs pre_commands
    commands post_commands'''.split())
NAMES = {}


def included(function, package):
    for name in getattr(function, '_includes', ()):
        folder = os.path.join(package.data['base'], '.rez', 'include')
        own = [one for one in sorted(os.listdir(folder))
               if one == name + '.py' or re.match(re.escape(name) + r'-[0-9a-f]+\.py$', one)]
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, own[0]))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield name, module


def run():
    packages = [Package(data) for data in JOB['packages']]
    names = {}
    manager = Manager(names)
    for name in ('setenv', 'unsetenv', 'resetenv', 'prependenv', 'appendenv', 'alias', 'info',
                 'error', 'stop', 'command', 'comment', 'source', 'shebang', 'getenv',
                 'expandvars', 'defined', 'undefined'):
        names[name] = getattr(manager, name)
    names.update(
        format=lambda value: manager.fields.format(str(value)), optionvars=option,
        literal=lambda value: Text(value, True), expandable=lambda value: Text(value),
        env=Environment(manager), intersects=intersects,
    )
    NAMES.update(
        system=STUBS['rez.system.system'], building=JOB['building'], testing=False,
        request=Requirements(JOB['request'], 'request'),
        implicits=Requirements(JOB['implicits'], 'request'),
        ephemerals=Requirements(JOB['ephemerals'], 'ephemeral'),
        intersects=intersects,
    )
    names.update(NAMES)
    bindings = {one.data['name']: Binding(one) for one in packages}
    names['resolve'] = Mapping(bindings, "package does not exist: '%s'")
    printed = sys.stdout = io.StringIO()
    for phase in PHASES:
        for at, package in enumerate(packages):
            value = package.data['commands'].get(phase)
            if package.data['commands'].get('file'):
                value = package.values().get(phase)
            code = code_of(value, package.data['file'])
            if code is None:
                continue
            PLACE[:] = [at, phase]
            here = dict(this=bindings[package.data['name']], root=package.root(),
                        version=VersionBinding(package.data['version']), base=package.data['base'])
            saved = dict(names)
            names.update(here)
            try:
                names.update(included(value, package))
                exec(compile(code, '<%s>' % phase, 'exec'), names)
            except BaseException as error:
                return {'problem': told(error), 'package': at, 'phase': phase,
                        'stopped': isinstance(error, Stop)}
            finally:
                names.clear()
                names.update(saved)
    roots = [one.root() for one in packages]
    return {'actions': manager.actions, 'roots': roots, 'printed': printed.getvalue()[:65536]}


def start():
    JOB.update(json.load(sys.stdin))
    for name, value in JOB['system'].items():
        setattr(System, name, value)
    prepare()
    guarded(run, ${replayLimits.seconds}, ${replayLimits.answerBytes})


start()
`

/** The program; its one answer is a line. */
export const rexShim = `${pythonCommon}${rexVersions}${rexRecorder}${replay}`
