# SPDX-License-Identifier: MIT
#
#   make            molecule-mcp and molecule-platform, in build/release
#   make run        build both and show them at work
#   make test       unit and process tests: release, on io_uring and on epoll,
#                   ASan+UBSan; the runtime's under Valgrind, its assembly as
#                   AArch64; interop; some where io_uring is refused
#   make check-refused  all of them where io_uring is refused, in each way that
#                   is known, and as a user with little locked memory
#   make sim        SEEDS days in a simulated world, each from another seed;
#                   SEED=N one of them, with its trace
#   make sim-defects  finds the mistakes that are planted for it
#   make interop    the official MCP clients against the release binaries
#   make lint       layering, format, static analysis, second compiler
#   make bench      every bench; make bench-NAME runs bench/NAME alone
#   make aarch64-test  the switch and the stacks, under qemu
#   make asan       both binaries and all tests, in build/asan
#   make fuzz       each target of tests/fuzz for FUZZ_SECONDS
#   make format     clang-format over everything
#   make install    both binaries, under $(DESTDIR)$(PREFIX)/bin
#   make clean      remove build/
#
# Knobs: CC, CFLAGS, LDFLAGS, V=1 (show commands), JOBS, PREFIX, DESTDIR,
# TESTS="glob …" (only these tests), INTEROP="glob …" (only these of interop),
# TEST_TIMEOUT, BENCH_SECONDS.
# Each variant is built by one sub-make with VARIANT set, in build/VARIANT.

VERSION := 0.1.0
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 20
VARIANT ?= release
B := build/$(VARIANT)

ifeq ($(VARIANT),aarch64)
override CC := aarch64-linux-gnu-gcc
else ifeq ($(origin CC),default)
CC := gcc
endif
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))

# What every compilation gets; user CFLAGS come last.
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Werror
BASE := -std=gnu17 -D_GNU_SOURCE -DMOLECULE_VERSION=\"$(VERSION)\" -I.
HARDEN := -fstack-protector-strong
FRAME = -Wframe-larger-than=4096
release_CFLAGS = -O2 -g -fno-pie -ffunction-sections -fdata-sections \
	-D_FORTIFY_SOURCE=2 $(HARDEN) $(FRAME)
release_LDFLAGS := -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections
# Programs are static; tests are linked to shared libraries. What
# net/no_services.c stands in for must be taken from there, not from libc.
release_STATIC := -static -Wl,-u,getservbyname,-u,getservbyport_r
release_SHARED := -no-pie
aarch64_CFLAGS = $(release_CFLAGS)
aarch64_LDFLAGS := $(release_LDFLAGS) -static
asan_CFLAGS := -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer $(HARDEN)
asan_LDFLAGS := -fsanitize=address,undefined
valgrind_CFLAGS := -O1 -g $(HARDEN)
sim_CFLAGS = $(release_CFLAGS) -DMOLECULE_DEFECTS
sim_LDFLAGS := $(release_LDFLAGS) -no-pie
fuzz_CFLAGS := $(asan_CFLAGS) -fsanitize=fuzzer-no-link
fuzz_LDFLAGS := $(asan_LDFLAGS) -fsanitize=fuzzer

C_ALL = $(BASE) $(WARN) $($(VARIANT)_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LD_ALL = $($(VARIANT)_LDFLAGS) $(LDFLAGS)
LDLIBS := -ljansson -luring -lbearssl -lcares -lyaml
TEST_LDLIBS := -lcmocka

# Layers, each one archive, in link order: a layer uses only what follows it.
objs = $(patsubst %,$(B)/%.o,$(basename $(wildcard $1)))
libplatform_OBJS := $(filter-out %/main.o,$(call objs,app/platform/*.c))
libapp_OBJS := $(filter-out %/main.o,$(call objs,app/*.c))
libnet_OBJS := $(call objs,net/*.c)
libproto_OBJS := $(filter-out %/embed_tools.o,$(call objs,proto/*.c)) \
	$(B)/proto/tools_json.o
libruntime_OBJS := $(call objs,runtime/*.c runtime/context_$(ARCH).S)
libtest_OBJS := $(filter-out $(call objs,tests/without.c tests/*/test_*.c \
	tests/fuzz/*.c tests/world/*.c),$(call objs,tests/*.c tests/*/*.c))
LIBS := $(patsubst %,$(B)/lib%.a,platform app net proto runtime)
PROGRAMS := $(B)/molecule-mcp $(B)/molecule-platform

# A test is tests/*/test_*.c; what else is beside them is linked to all.
TESTS ?= tests/*/test_*.c
CHECKS := $(filter-out $(B)/tests/world/%, \
	$(patsubst %.c,$(B)/%,$(sort $(wildcard $(TESTS)))))
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))

ifeq ($(VARIANT),aarch64)
# What needs no library of the target: the switch, the stacks, their tests.
libruntime_OBJS := $(call objs,runtime/context_aarch64.S \
	$(shell grep -L liburing runtime/*.c))
libtest_OBJS :=
LIBS := $(B)/libruntime.a
LDLIBS :=
TEST_LDLIBS :=
CHECKS := $(B)/tests/unit/test_context $(B)/tests/unit/test_stack
UNDER := qemu-aarch64
endif
ifeq ($(VARIANT),sim)
CHECKS := $(B)/tests/world/test_world
NO_PROGRAMS := 1
endif
ifeq ($(VARIANT),valgrind)
# What it has to be told about: stacks, switches, what the ring fills. Their
# tests need no more than the runtime.
libtest_OBJS :=
LIBS := $(B)/libruntime.a
CHECKS := $(patsubst %,$(B)/tests/unit/test_%,chan io scope timer)
UNDER := valgrind -q --error-exitcode=99 --leak-check=full
endif

SUBMAKE = $(MAKE) --no-print-directory -j$(JOBS)
# $(call do,WORD,COMMAND): the command, or one line for it unless V=1.
do = $(if $(V),$2,@printf '  %-6s %s\n' '$1' '$@'; $2)

.DEFAULT_GOAL := all
.PHONY: all run test sim sim-defects interop aarch64-test lint bench asan \
	fuzz format install clean FORCE programs tests check check-epoll \
	check-refused check-interop fuzzers
.DELETE_ON_ERROR:
.SECONDARY:

all:
	+@$(SUBMAKE) VARIANT=release programs
asan:
	+@$(SUBMAKE) VARIANT=asan programs tests
run:
	@scripts/deps run
	+@$(SUBMAKE) VARIANT=release programs
	@build/release/molecule-platform --demo
# Every variant runs, whatever came of the one before.
test:
	@scripts/deps test
	+@status=0; for variant in release asan valgrind aarch64; do \
		$(SUBMAKE) VARIANT=$$variant check || status=1; \
	done; $(SUBMAKE) VARIANT=sim check || status=1; \
	for more in epoll interop; do \
		$(SUBMAKE) VARIANT=release check-$$more || status=1; \
	done; $(SUBMAKE) VARIANT=release check-refused \
		$(if $(filter file,$(origin TESTS)),TESTS='$(NEAR_KERNEL)') || \
		status=1; exit $$status
interop:
	@scripts/deps test
	+@$(SUBMAKE) VARIANT=release check-interop
aarch64-test:
	@scripts/deps test
	+@$(SUBMAKE) VARIANT=aarch64 check
sim sim-defects:
	+@$(SUBMAKE) VARIANT=sim build/sim/simulate
	@$(if $(@:sim=),DEFECTS=1) build/sim/simulate
lint:
	@scripts/deps lint
	@LINT_FLAGS='$(subst \,,$(BASE) $(WARN))' CC='$(CC)' scripts/lint
bench:
	+@set -e; for bench in $(BENCHES); do \
		$(MAKE) --no-print-directory bench-$$bench; done
bench-%: FORCE
	@scripts/deps bench
	+@$(SUBMAKE) VARIANT=release build/release/bench/$*
	@build/release/bench/$*
fuzz:
	@scripts/deps fuzz
	+@$(SUBMAKE) VARIANT=fuzz CC=clang fuzzers
	@set -e; for target in $(FUZZERS:$(B)/%=build/fuzz/%); do \
		echo "== $$target"; mkdir -p $$target.corpus; \
		$$target -max_total_time=$(FUZZ_SECONDS) -verbosity=0 \
			-print_final_stats=1 $$target.corpus; done
format:
	clang-format -i $(wildcard */*.[ch] */*/*.[ch])
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -s -m 755 $(PROGRAMS:$(B)/%=build/release/%) \
		$(DESTDIR)$(PREFIX)/bin
clean:
	rm -rf build

# Below: what a sub-make builds for its variant.

programs: $(PROGRAMS)
tests: $(CHECKS)
fuzzers: $(FUZZERS)
NAMED := MOLECULE_MCP=$(CURDIR)/$(B)/molecule-mcp \
	MOLECULE_PLATFORM=$(CURDIR)/$(B)/molecule-platform
check: $(if $(UNDER)$(NO_PROGRAMS),,programs) tests
	@$(NAMED) tests/run $(VARIANT) $(if $(UNDER),-u '$(UNDER)') $(CHECKS)
check-epoll: programs tests
	@$(NAMED) MOLECULE_IO_BACKEND=epoll tests/run epoll $(CHECKS)
# In systems that refuse io_uring in all the ways there are, and as an ordinary
# user whose locked memory is soon used up. `make test` runs only NEAR_KERNEL so,
# since it runs everything on epoll as well.
NEAR_KERNEL := $(patsubst %,tests/unit/test_%.c,chan io io_now scope timer) \
	$(patsubst %,tests/process/test_%.c,mcp start stdio)
REFUSED ?= setup-EPERM setup-ENOSYS setup-EOPNOTSUPP enter-EPERM ordinary
check-refused: programs tests $(B)/tests/without
	@status=0; for what in $(REFUSED); do $(NAMED) $(B)/tests/without \
		$$what tests/run $$what $(CHECKS) || [ $$? -eq 77 ] || \
		status=1; done; exit $$status
check-interop: programs
	@$(NAMED) INTEROP='$(INTEROP)' tests/interop/run

# The whole client and a platform in a simulated world; malloc is its own.
world_OBJS := $(filter-out %/main.o %/test_world.o,$(call objs,tests/world/*.c))
$(B)/simulate: $(B)/tests/world/main.o $(world_OBJS) $(LIBS)
$(B)/tests/world/test_world: $(B)/tests/world/test_world.o $(world_OBJS) $(LIBS)
$(B)/simulate $(B)/tests/world/test_world:
	$(call do,LD,$(CC) $(LD_ALL) -o $@ $^ $(LDLIBS) $(TEST_LDLIBS))

$(B)/molecule-mcp: $(B)/app/main.o $(filter-out %/libplatform.a,$(LIBS))
$(B)/molecule-platform: $(B)/app/platform/main.o $(LIBS)
$(PROGRAMS):
	$(call do,LD,$(CC) $(LD_ALL) $($(VARIANT)_STATIC) -o $@ $^ $(LDLIBS))

# Tests and benches may use the thread's stack.
$(B)/tests/%.o $(B)/bench/%.o: private FRAME =
$(B)/tests/world/heap.o: private FRAME += -fno-builtin
$(B)/tests/%: $(B)/tests/%.o $(B)/libtest.a $(LIBS)
	$(call do,LD,$(CC) $(LD_ALL) $($(VARIANT)_SHARED) -o $@ $^ \
		$(LDLIBS) $(TEST_LDLIBS))

include bench/rules.mk

.SECONDEXPANSION:
$(B)/lib%.a: $$(lib%_OBJS)
	$(call do,AR,rm -f $@ && $(AR) rcsD $@ $^)

$(B)/%.o: %.c $(B)/flags
	$(call do,CC,mkdir -p $(@D) && $(CC) $(C_ALL) -MMD -MP -c -o $@ $<)
$(B)/%.o: %.S $(B)/flags
	$(call do,AS,mkdir -p $(@D) && $(CC) $(C_ALL) -MMD -MP -c -o $@ $<)
$(B)/%.o: $(B)/%.c $(B)/flags
	$(call do,CC,$(CC) $(C_ALL) -c -o $@ $<)

# The tools document, as a C array.
$(B)/proto/tools_json.c: proto/tools.json $(B)/proto/embed_tools
	$(call do,GEN,$(B)/proto/embed_tools $< > $@)
$(B)/proto/embed_tools: proto/embed_tools.c
	$(call do,HOST,mkdir -p $(@D) && $(CC) $(BASE) -O1 -o $@ $< -ljansson)

# Rewritten when the compiler or its flags change, so that all is rebuilt.
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(C_ALL)' | cmp -s - $@ || \
		echo '$(CC) $(C_ALL)' > $@

-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)
