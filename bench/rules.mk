# SPDX-License-Identifier: MIT
# The benches that `make bench` runs, their helpers, and what they start.

BENCHES := switch start idle
libbench_OBJS := $(call objs,bench/util.c bench/relay.c bench/world.c)

$(B)/bench/start: | $(B)/bench/canned $(PROGRAMS)
$(B)/bench/idle: | $(B)/bench/idle_curl $(PROGRAMS)
$(B)/bench/switch: | $(B)/bench/switch_boost
$(B)/bench/switch: private LD_ALL += $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc \
	realloc mmap mprotect madvise)
comma := ,

$(B)/bench/%: $(B)/bench/%.o $(B)/libbench.a $(LIBS)
	$(call do,LD,$(CC) $(LD_ALL) $($(VARIANT)_STATIC) -o $@ $^ $(LDLIBS))
$(B)/bench/canned: $(B)/bench/canned.o
	$(call do,LD,$(CC) $(LD_ALL) -static -o $@ $^)
$(B)/bench/idle_curl: $(B)/bench/idle_curl.o
	$(call do,LD,$(CC) $(LD_ALL) $($(VARIANT)_SHARED) -o $@ $^ -lcurl)
$(B)/bench/switch_boost: bench/switch_boost.cc $(B)/flags
	$(call do,CXX,mkdir -p $(@D) && $(CXX) -std=c++17 -Wall -Wextra -Werror \
		-O2 -DNDEBUG -static -o $@ $< -lboost_fiber -lboost_context)
