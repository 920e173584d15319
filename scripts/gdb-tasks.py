# SPDX-License-Identifier: MIT
"""gdb: the tasks of a runtime, and their stacks.

    (gdb) source scripts/gdb-tasks.py
    (gdb) tasks app.rt            every task: number, name, state, what for
    (gdb) task-bt app.rt 3        backtrace of task 3 (x86-64, AArch64)

The argument is any expression for a struct rt *. tasks also works on a core file;
task-bt needs a live process, whose registers it borrows and puts back.
"""
import gdb

STATES = ("ready", "running", "parked")
# Where context_switch leaves the registers, from the saved stack pointer up.
FRAMES = {
    "i386:x86-64": (("r15", "r14", "r13", "r12", "rbx", "rbp", "rip"), 0, "rsp"),
    "aarch64": (tuple("x%d" % n for n in range(19, 31)), 64, "sp"),
}


def tasks_of(expression):
    task = gdb.parse_and_eval(expression)["all"]
    while task:
        yield task.dereference()
        task = task["all_next"]


def text(pointer):
    return pointer.string() if pointer else "?"


class Tasks(gdb.Command):
    """tasks RT: list the tasks of the runtime RT."""

    def __init__(self):
        super().__init__("tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        for number, task in enumerate(tasks_of(argument)):
            state = STATES[int(task["state"])]
            if state == "parked" and task["wait"]:
                state += " in " + text(task["wait"]["what"])
            print("%3d  %-24s %s" % (number, text(task["name"]), state))


class TaskBacktrace(gdb.Command):
    """task-bt RT N: backtrace of task N of the runtime RT."""

    def __init__(self):
        super().__init__("task-bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        expression, number = argument.rsplit(None, 1)
        task = list(tasks_of(expression))[int(number)]
        if STATES[int(task["state"])] == "running":
            gdb.execute("bt")
            return
        arch = gdb.selected_frame().architecture().name()
        names, skip, sp_name = FRAMES[arch]
        sp = int(task["sp"])
        word = gdb.lookup_type("unsigned long")
        saved = {}
        for i, name in enumerate(names):
            at = gdb.Value(sp + skip + 8 * i).cast(word.pointer())
            saved[name] = int(at.dereference())
        frame = "%d" % (sp + skip + 8 * len(names))
        self.unwind(task, saved, int(frame), sp_name)

    def unwind(self, task, saved, sp, sp_name):
        """Lets gdb unwind from the saved registers, then puts its own back."""
        registers = dict(saved)
        registers[sp_name] = sp
        if "x30" in registers:
            registers["pc"] = registers["x30"]
        before = {n: int(gdb.parse_and_eval("(long)$" + n)) for n in registers}
        try:
            for name, value in registers.items():
                gdb.execute("set $%s = %d" % (name, value), to_string=True)
            gdb.execute("bt")
        finally:
            for name, value in before.items():
                gdb.execute("set $%s = %d" % (name, value), to_string=True)


Tasks()
TaskBacktrace()
