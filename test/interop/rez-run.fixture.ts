/** Packages whose `commands()` use everything that Rez offers them, and what to request of each. */
export const rezPackages: Readonly<Record<string, string>> = {
  'literal/1.2.3/package.py': `
name = 'literal'
version = '1.2.3'

def commands():
    # a comment
    env.LITERAL_ROOT = "{root}"
    env.LITERAL_BASE = '{base}/lib'
    env.LITERAL_VERSION = "{version} {version.major}.{version.minor}.{version.patch}"
    env.LITERAL_THIS = "{this.name} {this.root} {this.version.major}"
    env.PATH.prepend("{root}/bin")
    env.PATH.append('{root}/tail')
    env.LIST.append("first")
    env.LIST.append("second")
    env.LIST.prepend("before")
    env.CMAKE_MODULE_PATH.append("{root}/a")
    env.CMAKE_MODULE_PATH.append("{root}/b")
    env.DOXYGEN_TAGFILES.prepend("x")
    env.DOXYGEN_TAGFILES.prepend("y")
    env.FROM_OUTSIDE.append("inside")
    env.REMOVED.unset()
    env.HOME_FOLDER = "~/x"
    env.HOME_LIST.append("~/a")
    env.HOME_LIST.append("~/b")
    env.HOME_NOT = "a ~/x"
    env.USES = "$HOME \${HOME} $USES2 {{braces}} \${UNKNOWN}."
    env.DIGITS = "$HOME2"
    env.NUMBER = 12
    setenv("SET", "a\\\\b\\"c'd")
    appendenv("SET_LIST", "x")
    prependenv("SET_LIST", "y")
    unsetenv("GONE")
    comment("said {root}")
    if building:
        env.BUILDING = "yes"
    else:
        env.BUILDING = "no"
    if "literal" in resolve:
        env.IN_RESOLVE = "1"
    if 'other' not in request:
        env.NOT_IN_REQUEST = "1"
`,
  'aliases/1/package.py': `
def commands():
    alias("hello", "echo hello {version}")
    alias("ll", "ls -l")
    env.AFTER = "x"
`,
  'output/1/package.py': `
def commands():
    info("information of {root}")
    info("two\\nlines \\"quoted\\" $HOME")
    error("an error")
    info()
`,
  'shellcode/1/package.py': `
def commands():
    env.SUBSTITUTED = "$(echo sub) \`echo back\`"
    command("export FROM_COMMAND=1")
    command("export FROM_FORMAT={root}")
    command(["export", "LISTED=a b"])
    source("{root}/setup.sh")
`,
  'shellcode/1/setup.sh': 'export SOURCED=yes\nwhich_arguments() { echo "$#:$*"; }\n',
  'texts/1/package.py': `
def commands():
    env.LITERAL = literal("$HOME {root} 'x' \\"y\\" \`z\`")
    env.MIXED = literal("$A").expandable(" $HOME {version}").l(" $B").e("!")
    env.EXPANDABLE = expandable("\${HOME}/x")
    env.JOINED.append(literal("$one"))
    env.JOINED.append(literal("$two"))
    env.JOINED.prepend("$HOME")
    env.MULTI = """first
second"""
    env.UNICODE = u"Käse ☃"
    env.FORMATTED = "%s-%d" % ("a", 3)
    env.FSTRING = f"{1 + 1}"
    env.UNFORMATTED = "{nothing} $HOME {root}"
    env.SINGLE = "a { b"
    env.LISTED = ["a", "b"]
    env.NONE = None
    env.TRUE = True
    env.SEMI = "a;b&c|d>e"
    env.STARS = "* ? [a]"
    local = "of the code"
    env.LOCAL = "{local}"
    env.CONVERTED = "{version!s:>5}|{root!r}"
`,
  'asking/2.5/package.py': `
tools = ["one", "two"]
description = "A package."
own_attribute = {"key": [1, 2]}

@late()
def late_tools():
    if in_context():
        return ["in %s" % ("asking" in request)]
    return []

def commands():
    env.FIRST = "a"
    env.FIRST_AGAIN = env.FIRST.value() + str(env.FIRST)
    env.GOT = getenv("FIRST") + getenv("HOME")
    env.DEFINED = "%s %s %s" % (defined("FIRST"), defined("HOME"), undefined("NEVER"))
    env.EXPANDED = expandvars("$FIRST {root} $HOME")
    env.EXPANDED_PLAIN = expandvars("$FIRST {root}", format=False)
    env.TRUTH = "%s %s" % (bool(env.FIRST), bool(env.NEVER2))
    env.EQUAL = str(env.FIRST == "a")
    env.PRESENT = "%s %s" % ("HOME" in env, "NEVER3" in env)
    env["ITEM"] = "item"
    env["ITEM"].append("more")
    env.DEFAULT.setdefault("default")
    env.FIRST.setdefault("not")
    env.THIS = "%s %s %s %s" % (this.name, this.version, this.root, this.base)
    env.THIS_TOOLS = ",".join(this.tools)
    env.THIS_OWN = str(this.own_attribute["key"])
    env.THIS_LATE = ",".join(this.late_tools)
    env.THIS_DESCRIPTION = this.description
    env.THIS_TEXT = str(this) + " " + this.qualified_name + " " + this.qualified_package_name
    env.THIS_REQUIRES = " ".join(str(r) for r in this.requires)
    env.THIS_INDEX = this.index
    env.THIS_SUBPATH = this.subpath
    env.VERSION = "%s %s %s" % (version.major, version.minor, version.patch)
    env.VERSION_ITEMS = "%s %s %s" % (version[0], version[5], version[:2])
    env.VERSION_TUPLE = str(version.as_tuple())
    env.VERSION_LENGTH = len(version)
    env.VERSION_PARTS = "/".join(str(t) for t in version)
    env.SYSTEM = "%s %s %s" % (system.platform, system.arch, system.os)
    env.SYSTEM_FIELD = "{system.platform}"
    env.SYSTEM_VARIANT = str(system.variant)
    env.FLAGS = "%s %s" % (building, testing)
    env.FORMAT = format("{root}!")
    env.OPTION = str(optionvars("some.thing", "default"))
    import os
    env.JOINED_PATH = os.path.join(root, "x")
    env.EXISTS = str(os.path.exists(os.path.join(root, "package.py")))
    for name in ("A", "B"):
        env["LOOP_" + name] = name.lower()
    env.FIELD_OF_ENV = "{env.FIRST}"
    env.FROM_OUTSIDE = env.FROM_OUTSIDE.get() + ":in"
    env.PLUS.append(env.FIRST.value())
`,
  'context/1/package.py': `
requires = ["asking-2", "~literal-1", ".feature.cli-1.2", "variants"]

def commands():
    env.RESOLVED = " ".join(sorted(n for n in ("asking", "literal", "none") if n in resolve))
    env.ASKING = "%s %s" % (resolve.asking.version, resolve.asking.root)
    env.ASKING_FIELD = "{resolve.asking.version.major} {resolve.asking.root}"
    env.ASKING_ITEM = resolve["asking"].name
    env.ASKING_TOOLS = ",".join(resolve.asking.tools)
    env.ABSENT = str(resolve.get("absent", "nothing"))
    env.REQUESTED = "%s %s" % ("context" in request, request.get("absent"))
    env.REQUEST_TEXT = request.context
    env.REQUEST_RANGE = str(request.get_range("context"))
    env.IMPLICIT = "%s" % ("platform" in implicits)
    env.EPHEMERAL = "%s %s" % ("feature.cli" in ephemerals, ephemerals.get("feature.cli"))
    env.EPHEMERAL_RANGE = str(ephemerals.get_range("feature.cli", "0"))
    env.EPHEMERAL_DEFAULT = str(intersects(ephemerals.get_range("other", "3"), "3.1"))
    env.MEETS = "%s %s %s" % (
        intersects(resolve.asking, "2+"), intersects(resolve.asking.version, "3"),
        intersects("foo-1.2+<2", "1.5"))
    env.MEETS_REQUEST = str(intersects(request.context, "1..2"))
    env.MEETS_NOT = str(intersects("!foo-1", "1"))
    if intersects(ephemerals.get("feature.cli", "1"), "1.2.3"):
        env.CLI = "on"
`,
  'phases/1/package.py': `
def pre_commands():
    env.PHASES.append("pre-one")

def commands():
    env.PHASES.append("one")

def post_commands():
    env.PHASES.append("post-one")
`,
  'phases_too/1/package.py': `
requires = ["phases"]

def pre_commands():
    env.PHASES.append("pre-two")

def commands():
    env.PHASES.append("two")
    env.PHASES_COPY = "$PHASES"

def post_commands():
    env.PHASES.append("post-two")
`,
  'variants/1.0/package.py': `
variants = [["literal-1"], ["asking-2+<3", "~python-3"]]

def commands():
    env.VARIANT_ROOT = "{root}"
    env.VARIANT_BASE = "{base}"
`,
  'hashed/1.0/package.py': `
hashed_variants = True
variants = [["literal-1"], ["asking-2+<3", "!nothing"]]

def commands():
    env.HASHED_ROOT = "{root}"
`,
  'text/1/package.py': `
commands = """
env.TEXT = '{root}'
x = 3
env.TEXT_LOCAL = str(x)
"""
`,
  'yaml/1/package.yaml': `
name: yaml
version: '1'
tools: [one]
commands: |
  env.YAML = '{root} {version}'
  env.YAML_TOOLS = ','.join(this.tools)
`,
  'whole.py': `
name = 'whole'
versions = ['1.0', '2.0']
version_overrides = {'2+': {'commands': "env.WHOLE = 'two {root}'"}}

def commands():
    env.WHOLE = "one {version}"
`,
  'whole_python.py': `
import os

versions = ['1.0', '2.0']
version_overrides = {'2+': {'commands': "env.WHOLE = 'two {root} ' + this.own", 'own': 'a'}}

def commands():
    env.WHOLE = "one {version}"
`,
  'unversioned/package.py': `
def commands():
    env.UNVERSIONED = "{root} [{version}] {version.major}"
`,
  'early/1/package.py': `
import os

@early()
def tools():
    return ["early"]

if os.sep == "/":
    commands = "env.EARLY = '{root} ' + ','.join(this.tools)"
`,
  'included/1/package.py': `
@include("helper")
def commands():
    env.INCLUDED = helper.text("{root}")
`,
  'included/1/.rez/include/helper.py': 'def text(x):\n    return "helped " + x\n',
  'included/1/.rez/include/helper.sha1': 'ab12',
  'old/1.2/package.py': `
commands = [
    'export OLD_ROOT=!ROOT!/x',
    'export OLD_VERSION=!VERSION! !MAJOR_VERSION! !MINOR_VERSION!',
    'export OLD_LIST=$OLD_LIST:!BASE!/a',
    'export OLD_LIST=!ROOT!/b:\${OLD_LIST}',
    'export CMAKE_MODULE_PATH=!ROOT!/c:$CMAKE_MODULE_PATH',
    'export OLD_PATHS=/one:/two',
    '# a comment',
    'alias old="echo old"',
    'export QUOTED="a b"',
    "export SINGLE='c d'",
    'export FROM=$(echo sub)',
    'OLD_PLAIN=1; export OLD_PLAIN',
    'export ESCAPED="say \\\\"hi\\\\" $HOME"',
]
`,
  'dotted.name/1/package.py': 'def commands():\n    env.DOTTED = "{root}"\n',
  'prefixed/1a.2-3/package.py':
    'def commands():\n    env.PREFIXED = "{version.major} {version.minor} {version.patch}"\n',
}

/** Requests, each of which gets an environment of its own. */
export const rezRequests: readonly (readonly string[])[] = [
  ['literal'],
  ['literal-1.2', 'prefixed'],
  ['aliases'],
  ['output'],
  ['shellcode'],
  ['texts'],
  ['asking'],
  ['context-1+', 'literal'],
  ['context'],
  ['phases_too'],
  ['variants', 'literal'],
  ['variants', 'asking'],
  ['hashed', 'literal'],
  ['hashed', 'asking==2.5'],
  ['text'],
  ['yaml'],
  ['whole-1'],
  ['whole-2'],
  ['whole_python-1'],
  ['whole_python-2'],
  ['unversioned'],
  ['early'],
  ['included'],
  ['dotted.name'],
  ['literal', 'phases', '.eph-1|3', '.some.other-2+<4', '!texts', '~aliases-2'],
]
