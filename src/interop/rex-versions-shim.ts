/**
 * Versions, ranges and requirements for package code that is replayed, in Python.
 *
 * Invariant: versions compare and ranges meet as in Rez's scheme (`#model`, scheme `rez`); a test
 * holds the two together on the oracle's cases.
 * Source: rez 3.4 `version/_version.py`, `rex_bindings.py`.
 */
export const rexVersions = String.raw`
import re

TOKEN = re.compile(r'[a-zA-Z0-9_]+')
PART = re.compile(r'[0-9]+|[^0-9]+')
HIGHEST = (((2,),),)


def version_key(text):
    """Letters sort before numbers; of equal numbers the one with more leading zeros is smaller."""
    def part(run):
        return (1, int(run), run) if run.isdigit() else (0, run)
    return tuple(tuple(part(run) for run in PART.findall(token)) for token in TOKEN.findall(text))


class VersionRange:
    """A set of versions as spans from a place to a place; a place is a key and 0 before or 1 behind it."""
    def __init__(self, text=''):
        self.text = text or ''
        if any(one.strip() == '' for one in self.text.split('|')):
            self.spans = [(((), 0), (HIGHEST, 0))]
        else:
            self.spans = [span(one.strip()) for one in self.text.split('|')]
    def intersects(self, other):
        return any(max(a, c) < min(b, d) for a, b in self.spans for c, d in other.spans)
    def __contains__(self, version):
        key = version_key(str(version))
        return any(low <= (key, 0) and (key, 1) <= high for low, high in self.spans)
    def __str__(self):
        return self.text


def span(text):
    low, high = ((), 0), (HIGHEST, 0)
    if '..' in text:
        first, last = text.split('..')
        return ((version_key(first), 0), (version_key(last), 1))
    bounds = re.findall(r'(==|>=|<=|>|<)?\s*([a-zA-Z0-9_.\-]*)(\+)?', text.replace(',', ' '))
    for sign, version, plus in bounds:
        if not (sign or version or plus):
            continue
        key = version_key(version)
        if sign == '==':
            low, high = (key, 0), (key, 1)
        elif sign in ('>=', '>') or plus:
            low = max(low, (key, 1 if sign == '>' else 0))
        elif sign in ('<=', '<'):
            high = min(high, (key, 1 if sign == '<=' else 0))
        else:
            low, high = (key, 0), (version_key(version + '_'), 0)  # 3_ ends what begins with 3
    return (low, high)


class VersionBinding:
    def __init__(self, text):
        self.__text = text
        self.__tokens = TOKEN.findall(text)
    major = property(lambda self: self[0])
    minor = property(lambda self: self[1])
    patch = property(lambda self: self[2])
    def as_tuple(self):
        return self[:len(self)]
    def __getitem__(self, at):
        def plain(token):
            return int(token) if token.isdigit() and (token[0] != '0' or token == '0') else token
        try:
            found = self.__tokens[at]
        except IndexError:
            return None
        return tuple(map(plain, found)) if isinstance(found, list) else plain(found)
    def __len__(self):
        return len(self.__tokens)
    def __iter__(self):
        return iter(self.__tokens)
    def __str__(self):
        return self.__text


class Requirement:
    def __init__(self, text):
        self.text = str(text)
        sign = self.text[:1] if self.text[:1] in '!~' else ''
        self.conflict = sign != ''
        self.name, rest = re.match(r'([^-@#=<>]*)(.*)', self.text[len(sign):], re.S).groups()
        self.range = VersionRange(rest[1:] if rest[:1] in ('-', '@', '#') else rest)
    def __str__(self):
        return self.text


class Mapping:
    def __init__(self, data, missing):
        self._data, self._missing = data, missing
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self[name]
    def __getitem__(self, name):
        if name not in self._data:
            raise AttributeError(self._missing % name)
        return self._data[name]
    def get(self, name, default=None):
        return self._data.get(name, default)
    def __contains__(self, name):
        return name in self._data
    def __str__(self):
        return str(self._data.values())


class Requirements(Mapping):
    """What was asked for, by name; ephemerals without their dot."""
    def __init__(self, texts, kind):
        cut = 1 if kind == 'ephemeral' else 0
        data = {Requirement(one).name[cut:]: one for one in texts}
        Mapping.__init__(self, data, kind + " does not exist: '%s'")
    def get_range(self, name, default=None):
        found = self._data.get(name)
        if found:
            return Requirement(found).range
        return None if default is None else VersionRange(default)


def intersects(thing, text):
    if isinstance(thing, str):
        own = Requirement(thing)
        if own.conflict:
            return False
        own = own.range
    elif isinstance(thing, VersionRange):
        own = thing
    elif isinstance(thing, VersionBinding):
        own = VersionRange(str(thing))
    else:
        own = VersionRange(str(thing.version))
    return own.intersects(VersionRange(text))
`
