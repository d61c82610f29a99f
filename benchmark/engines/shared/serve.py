"""Answers the commands of lib/engine.mjs, one line of JSON each."""

import json
import resource
import sys
import time


def serve(facts, tasks):
    """`tasks` has for each task of a case a function that builds the case and returns its step."""
    step = None

    def prepare(command):
        nonlocal step
        build = tasks.get(command["case"]["task"])
        if build is None:
            raise NotImplementedError("not supported")
        step = build(command["case"])
        return facts

    def run(command):
        start = time.perf_counter()
        for _ in range(command["repeats"]):
            step()
        return {"ms": (time.perf_counter() - start) * 1000 / command["repeats"]}

    def usage(_):
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {"cpuMs": (used.ru_utime + used.ru_stime) * 1000, "maxRssBytes": used.ru_maxrss * 1024}

    commands = {"prepare": prepare, "run": run, "usage": usage}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = commands[command["op"]](command)
        except Exception as error:  # the benchmark reports it and goes on with the other engines
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
