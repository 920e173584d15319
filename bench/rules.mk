# SPDX-License-Identifier: MIT
# The benches that `make bench` runs, their helpers, and what they start.

BENCHES := switch start start_https idle https mcp waits latency scale
libbench_OBJS := $(call objs,bench/util.c bench/relay.c bench/world.c \
	bench/nginx.c bench/cost.c bench/console.c)

$(B)/bench/start: | $(B)/bench/canned $(PROGRAMS)
$(B)/bench/start_https: | $(PROGRAMS)
$(B)/bench/mcp: | $(B)/bench/canned_lines $(PROGRAMS)
$(B)/bench/waits: | $(PROGRAMS)
$(B)/bench/https: | $(B)/bench/https_client $(B)/bench/https_curl
$(B)/bench/idle: | $(B)/bench/idle_curl $(PROGRAMS)
$(B)/bench/latency: | $(B)/bench/latency_curl $(PROGRAMS)
$(B)/bench/scale: | $(B)/bench/scale_curl $(PROGRAMS)
$(B)/bench/switch: | $(B)/bench/switch_boost
$(B)/bench/switch: private LD_ALL += $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc \
	realloc mmap mprotect madvise)
comma := ,

$(B)/bench/%: $(B)/bench/%.o $(B)/libbench.a $(LIBS)
	$(call do,LD,$(CC) $(LD_ALL) $($(VARIANT)_STATIC) -o $@ $^ $(LDLIBS))
$(B)/bench/canned $(B)/bench/canned_lines: $(B)/bench/%: $(B)/bench/%.o
	$(call do,LD,$(CC) $(LD_ALL) -static -o $@ $^)
$(patsubst %,$(B)/bench/%_curl,idle https latency scale): $(B)/bench/%: $(B)/bench/%.o
	$(call do,LD,$(CC) $(LD_ALL) $($(VARIANT)_SHARED) -o $@ $^ -lcurl -ljansson)
$(B)/bench/switch_boost: bench/switch_boost.cc $(B)/flags
	$(call do,CXX,mkdir -p $(@D) && $(CXX) -std=c++17 -Wall -Wextra -Werror \
		-O2 -DNDEBUG -static -o $@ $< -lboost_fiber -lboost_context)
