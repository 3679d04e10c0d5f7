/**
 * The functions and objects that package code changes variables with, in Python: what they are
 * called with is recorded.
 *
 * Invariant: the recorder keeps the variables as Rez does, for code that looks at them; formatting
 * is Rez's, odd cases too (a text with an unknown field stays as it is).
 * Source: rez 3.4 `rex.py`.
 */
export const rexRecorder = String.raw`
import ast, io, re
from string import Formatter

VARIABLE = re.compile(r'\$\{([^{}]+?)\}|\$([a-zA-Z_]+[a-zA-Z0-9_]*?)')
SHELL_VARIABLE = re.compile(r'\$(\w+|\{[^}]*\})')


class RexError(Exception):
    pass


class Stop(RexError):
    pass


class Text:
    """Text of which some parts are literal and others are expanded by the shell."""
    def __init__(self, value, is_literal=False):
        self.strings = [(is_literal, value)]
    def _add(self, value, is_literal):
        last, text = self.strings[-1]
        if last == is_literal:
            self.strings[-1] = (last, text + value)
        else:
            self.strings.append((is_literal, value))
        return self
    def literal(self, value):
        return self._add(value, True)
    def expandable(self, value):
        return self._add(value, False)
    l, e = literal, expandable
    def formatted(self, function):
        other = Text('')
        other.strings = [(own, value if own else function(value)) for own, value in self.strings]
        return other
    def expanduser(self):
        return self.formatted(expand_home)
    def __str__(self):
        return ''.join(value for _, value in self.strings)
    def __add__(self, other):
        result = Text('')
        result.strings = self.strings[:]
        for own, value in promote(other).strings:
            result._add(value, own)
        return result
    def __eq__(self, other):
        return str(self) == other if isinstance(other, str) else self.strings == other.strings
    def split(self, separator=None):
        return str(self).split(separator)


def promote(value):
    return value if isinstance(value, Text) else Text(value)


def expand_home(text):
    if text == '~' or text.startswith('~/'):
        return JOB['home'] + text[1:]
    return text


def expand_variables(text, environ):
    def value(match):
        name = match.group(1)
        name = name[1:-1] if name.startswith('{') and name.endswith('}') else name
        return environ.get(name, match.group(0))
    return SHELL_VARIABLE.sub(value, text) if '$' in text else text


class Fields(Formatter):
    def __init__(self, names):
        self.names = names
    def format(self, text, *args, **kwargs):
        def kept(match):
            return '$' + '{{%s}}' % next(one for one in match.groups() if one is not None)
        before, self.names = self.names, dict(self.names, **kwargs) if kwargs else self.names
        try:
            return Formatter.format(self, VARIABLE.sub(kept, text), *args, **kwargs)
        finally:
            self.names = before
    def format_field(self, value, spec):
        if isinstance(value, Text):
            value = str(value)
        if isinstance(value, str):
            value = self.format(value)
        return format(value, spec)
    def get_value(self, key, args, kwargs):
        if not isinstance(key, str):
            return Formatter.get_value(self, key, args, kwargs)
        if not key:
            raise ValueError('a field has no name')
        return kwargs[key] if key in kwargs else self.names[key]


class Manager:
    def __init__(self, names):
        self.fields = Fields(names)
        self.parent = JOB['parent']
        self.environ = dict(JOB['environ'])
        self.actions = []
    def formatted(self, value):
        if not isinstance(value, (str, Text)):
            return str(value)
        try:
            return promote(value).formatted(lambda text: self.fields.format(str(text)))
        except (KeyError, ValueError):
            return value
    def expanded(self, value):
        def expand(text):
            text = expand_variables(expand_variables(text, self.environ), self.parent)
            return expand_home(text)
        return promote(value).formatted(expand)
    def key(self, key):
        plain = str(self.formatted(key))
        return plain, str(self.expanded(plain))
    def record(self, op, name='', value='', key=''):
        if isinstance(value, Text):
            value = value.strings
        self.actions.append([op, name, value, key] + PLACE)
    def undefined(self, key):
        return not self.defined(key)
    def defined(self, key):
        _, key = self.key(key)
        return key in self.environ or key in self.parent
    def expandvars(self, value, format=True):
        return str(self.expanded(str(self.formatted(value)) if format else value))
    def getenv(self, key):
        _, key = self.key(key)
        if key in self.environ:
            return self.environ[key]
        if key in self.parent:
            return self.parent[key]
        raise Undefined('Referenced undefined environment variable: %s' % key)
    def assign(self, op, key, value):
        name, key = self.key(key)
        value = promote(self.formatted(value))
        self.record(op, name, value, key)
        self.environ[key] = str(self.expanded(value))
    def setenv(self, key, value):
        self.assign('setenv', key, value)
    def resetenv(self, key, value, friends=None):
        self.assign('resetenv', key, value)
    def unsetenv(self, key):
        name, key = self.key(key)
        self.record('unsetenv', name, '', key)
        self.environ.pop(key, None)
    def pend(self, op, key, value):
        name, key = self.key(key)
        value = promote(self.formatted(value))
        self.record(op, name, value, key)
        parents = JOB['parentVariables']
        if key not in self.environ and (parents is True or key in parents):
            self.environ[key] = self.parent.get(key, '')
        own = str(self.expanded(value))
        if key not in self.environ:
            self.environ[key] = own
            return
        separator = JOB['separators'].get(key, JOB['separator'])
        both = [self.environ[key], own] if op == 'appendenv' else [own, self.environ[key]]
        self.environ[key] = separator.join(both)
    def appendenv(self, key, value):
        self.pend('appendenv', key, value)
    def prependenv(self, key, value):
        self.pend('prependenv', key, value)
    def alias(self, key, value):
        self.record('alias', str(self.formatted(key)), str(self.formatted(value)))
    def info(self, value=''):
        self.record('info', '', promote(self.formatted(value)))
    def error(self, value):
        self.record('error', '', promote(self.formatted(value)))
    def stop(self, message, *values):
        raise Stop(message % values)
    def command(self, value):
        if isinstance(value, (list, tuple)):
            self.record('command', refuse(value[0]), [promote(one).strings for one in value[1:]])
        else:
            self.record('command', '', refuse(value))
    def comment(self, value):
        self.record('comment', '', str(self.formatted(value)))
    def source(self, value):
        self.record('source', '', promote(str(self.formatted(value))))
    def shebang(self):
        pass


def refuse(value):
    if isinstance(value, Text):
        raise RexError("command() does not take 'literal' or 'expandable'")
    return value


class Undefined(RexError):
    pass


class Variable:
    def __init__(self, name, manager):
        self._name, self._manager = name, manager
    name = property(lambda self: self._name)
    def prepend(self, value):
        self._manager.prependenv(self._name, value)
    def append(self, value):
        self._manager.appendenv(self._name, value)
    def reset(self, value, friends=None):
        self._manager.resetenv(self._name, value, friends)
    def set(self, value):
        self._manager.setenv(self._name, value)
    def unset(self):
        self._manager.unsetenv(self._name)
    def get(self):
        return self._manager.getenv(self._name)
    value = get
    def setdefault(self, value):
        if not self:
            self.set(value)
    def __str__(self):
        return self.get()
    def __bool__(self):
        return self._manager.defined(self._name) and bool(self.get())
    def __eq__(self, other):
        return self.get() == (other.get() if isinstance(other, Variable) else other)
    def __ne__(self, other):
        return not self == other


class Environment:
    def __init__(self, manager):
        own = {name: Variable(name, manager) for name in manager.parent}
        self.__dict__.update(_manager=manager, _variables=own)
    def __getitem__(self, name):
        if name not in self._variables:
            self._variables[name] = Variable(name, self._manager)
        return self._variables[name]
    def __getattr__(self, name):
        if name.startswith('__') and name.endswith('__'):
            raise AttributeError(name)
        return self[name]
    def __setitem__(self, name, value):
        self[name].set(value)
    __setattr__ = __setitem__
    def __delitem__(self, name):
        del self._variables[name]
    def __contains__(self, name):
        return name in self._variables
    def __iter__(self):
        return iter(list(self._variables))
    def __len__(self):
        return len(self._variables)
    def get(self, name, default=None):
        return self[name]
    def keys(self):
        return self._variables.keys()
    def items(self):
        return self._variables.items()
`
