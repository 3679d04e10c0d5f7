"""What Rez itself takes: run by `npm run bench -- solver` where Rez is installed.

rez-peer.py load REPOSITORY       reads every package once, then solves the requests on stdin
rez-peer.py fresh REPOSITORY REQUEST...   one context in a new process, as rez-env makes it
Prints one JSON object. Nothing is cached between runs.
"""
import json
import resource
import sys
import time

from rez.config import config

for name in ("resolve_caching", "cache_package_files", "cache_listdir"):
    config.override(name, False)

from rez.packages import iter_package_families
from rez.solver import Solver
from rez.version import Requirement


def solve(path, request):
    started = time.process_time()
    solver = Solver([Requirement(text) for text in request], [path])
    solver.solve()
    return (time.process_time() - started) * 1000


def load(path):
    started = time.time()
    for family in iter_package_families(paths=[path]):
        for package in family.iter_packages():
            for variant in package.iter_variants():
                variant.get_requires()
    load_ms = (time.time() - started) * 1000
    requests = json.load(sys.stdin)
    for request in requests:
        solve(path, request)
    return {"loadMs": load_ms, "solveMs": [solve(path, request) for request in requests]}


def fresh(path, request):
    from rez.resolved_context import ResolvedContext

    context = ResolvedContext(request, package_paths=[path], add_implicit_packages=False)
    return {"status": context.status.name}


mode, repository, *rest = sys.argv[1:]
said = load(repository) if mode == "load" else fresh(repository, rest)
said["memoryBytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(said))
