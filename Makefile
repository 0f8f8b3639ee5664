# or.h and orproxy. `make help` lists what can be asked for.

# From the command line or the environment: CC CFLAGS CPPFLAGS LDFLAGS AR PREFIX DESTDIR, and
#   BEARSSL=DIR  a BearSSL source tree, built, instead of the system's (inc/, build/libbearssl.a)
#   JSMN=DIR     the directory with jsmn.h
#   TARGET=NAME  the folder under build/ that takes the results; one for each set of flags
#   ARGS=...     arguments for `make run`
#   CA_BUILTIN=all|LIST  trust anchors in the binary: all of ROOTS, or those that the file LIST
#                names (ports/roots/roots.list has what well-known providers need)
#   HOSTCC=cc    compiles what runs while building, against the BearSSL of this machine
CFLAGS       ?= -O2 -g
PREFIX       ?= /usr/local
TARGET       ?= native
FUZZ_SECONDS ?= 60
HOSTCC       ?= cc
ROOTS        ?= /usr/share/ca-certificates/mozilla

B        := build/$(TARGET)
WARNINGS := -Wall -Wextra -Wconversion -Wshadow
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
INCLUDES  = -I. $(BEARSSL:%=-I%/inc) $(JSMN:%=-I%)
COMPILE   = $(CC) -std=c99 $(FEATURES) $(WARNINGS) $(INCLUDES) $(CPPFLAGS) $(CFLAGS)

# The static library where there is one: the binary then needs no libbearssl.so where it runs.
BEARSSL_A = $(if $(BEARSSL),$(BEARSSL)/build/libbearssl.a,$(wildcard $(shell \
              $(CC) -print-file-name=libbearssl.a)))
LIBS      = $(or $(BEARSSL_A),-lbearssl) -lpthread

PROXY    := $(sort $(wildcard proxy/*.c))
PORTS    := $(wildcard ports/posix.c ports/bearssl.c ports/link.c)
EXAMPLES := $(patsubst %.c,$B/%,$(wildcard examples/*.c))
TESTS    := $(patsubst %.c,$B/%,$(wildcard tests/test_*.c tests/fuzz_*.c)) \
            $(patsubst %.cpp,$B/%,$(wildcard tests/test_*.cpp))
BENCHES  := $(patsubst %.c,$B/%,$(wildcard tests/bench_*.c))
FUZZERS  := $(patsubst tests/fuzz_%.c,%,$(wildcard tests/fuzz_*.c))
ORPROXY  := $(patsubst %.c,$B/%,$(wildcard orproxy.c))

MAKEFLAGS += --no-builtin-rules
comma := ,

all: $(ORPROXY) $(EXAMPLES)

# Of or.h only what is called stays in the binary.
$B/orproxy: $B/orproxy.o $(patsubst %.c,$B/%.o,$(PROXY)) $B/ports.a
	$(CC) $(CFLAGS) -Wl,--gc-sections $(LDFLAGS) -o $@ $^ $(LIBS)
# Examples and tests bring or.h's implementation themselves. A test of a module of orproxy
# names it here.
CONF := conf conf_table conf_value conf_json conf_secret conf_section conf_file conf_finish \
        providers chain clock net
$B/tests/test_conf: $(patsubst %,$B/proxy/%.o,$(CONF))
$B/tests/test_conf: private LIBS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
                                   $(or $(BEARSSL_A),-lbearssl) # this test lets them fail
$B/tests/test_facts: $B/proxy/facts.o
$B/tests/test_providers: $B/proxy/providers.o
$B/tests/test_pages: $B/proxy/pages.o
$B/tests/test_mem: $B/proxy/mem.o
$B/tests/test_ledger: $(patsubst %,$B/proxy/%.o,ledger chain clock member ev ev_epoll ev_poll log mem)
$B/tests/test_ledger: private LIBS := $B/ports.a $(LIBS)
$B/tests/test_ev: $(patsubst %,$B/proxy/%.o,ev ev_epoll ev_poll)
$B/tests/test_ev: private LIBS := $B/ports.a $(LIBS)
$B/tests/test_ev.o: private FEATURES = -D_GNU_SOURCE
BOOKS := $(patsubst %,$B/proxy/%.o,books tally keys rate chain clock member mem)
$B/tests/test_books: $(BOOKS) $(patsubst %,$B/proxy/%.o,$(CONF))
$B/tests/test_cli_text: $(patsubst %,$B/proxy/%.o,cli_text mem)
$B/tests/test_cli_options: $B/proxy/cli_options.o $B/proxy/cli_help.o
$B/tests/test_cli_answer: $(patsubst %,$B/proxy/%.o,cli_answer cli_http cli_text cli_out mem)
$B/tests/test_cli_lines: $(patsubst %,$B/proxy/%.o,cli_out cli_text mem)
$B/tests/test_cli_answer: private LIBS := $B/ports.a $(LIBS) # its modules need the clock
$B/tests/test_cli_lines.o: private FEATURES = -D_GNU_SOURCE
$B/tests/test_cli_history: $(patsubst %,$B/proxy/%.o,cli_history mem)
$B/tests/test_cli_usage: $(patsubst %,$B/proxy/%.o,cli_usage cli_http cli_text cli_out mem)
$B/tests/test_cli_audit: $(patsubst %,$B/proxy/%.o,cli_audit cli_http cli_text cli_out chain mem)
$B/tests/test_cli_audit.o $B/tests/test_cli_usage.o: private FEATURES = -D_GNU_SOURCE
# Names and the clock are this test's own. Its modules need the ports, which come before them.
$B/tests/test_upstream: $(patsubst %,$B/proxy/%.o,upstream uplink tls roots dns ev ev_epoll ev_poll mem log \
                                    $(CONF))
$B/tests/test_upstream: private LIBS := -Wl,--wrap=or_posix_resolve \
                                        -Wl,--wrap=or_posix_now_ms $B/ports.a $(LIBS)
# What requests are decided by: settings, lists of models and hosts that are never dialled.
MARKET := $(patsubst %,$B/proxy/%.o,market $(CONF) upstream uplink tls roots dns ev ev_epoll ev_poll \
                                    mem log)
DECIDE := $(MARKET) $(patsubst %,$B/proxy/%.o,decide facts envelope preset member generations)
$B/tests/test_market: $(MARKET)
$B/tests/test_decide $B/tests/bench_route: $(DECIDE)
REWRITE := $(DECIDE) $(patsubst %,$B/proxy/%.o,rewrite fetch exchange)
$B/tests/test_rewrite $B/tests/fuzz_request: $(REWRITE)
GATE := $(DECIDE) $(patsubst %,$B/proxy/%.o,gate gate_lines ledger books tally keys rate record \
                                            metrics)
$B/tests/test_gate: $(GATE)
$B/tests/fuzz_ledger: $(GATE)
$B/tests/test_gate: private LIBS := -Wl,--wrap=or_posix_now_ms -Wl,--wrap=time $B/ports.a $(LIBS)
$B/tests/test_metrics: $(MARKET) $(patsubst %,$B/proxy/%.o,metrics generations books keys rate clock \
                                                          ledger chain member)
$B/tests/test_market $B/tests/test_decide $B/tests/test_rewrite $B/tests/fuzz_request \
    $B/tests/fuzz_ledger $B/tests/test_metrics $B/tests/bench_route: private LIBS := \
    -Wl,--wrap=or_posix_now_ms $B/ports.a $(LIBS)
# The whole proxy but for dns.c, which the target includes, in a world of the target's own.
WORLD := or_posix_now_ms time or_posix_random epoll_wait ev_start_thread pthread_cond_wait \
         pthread_detach pthread_join or_posix_resolve or_posix_dial_step net_accept fsync fdatasync \
         setrlimit write
WORLD := $(patsubst %,-Wl$(comma)--wrap=%,$(WORLD))
INSIDE := $(filter-out proxy/core.c proxy/dns.c,$(PROXY))
$B/tests/fuzz_proxy: $(patsubst %.c,$B/%.o,$(INSIDE))
$B/tests/fuzz_proxy: private LIBS := $(WORLD) $B/ports.a $(LIBS)
$B/tests/test_shape: $B/proxy/member.o $B/proxy/shape.o $B/proxy/shape_collect.o $B/proxy/shape_f32.o
$B/tests/test_models: $B/proxy/models.o $B/proxy/models_query.o $B/proxy/models_object.o \
                      $B/proxy/mem.o $B/proxy/member.o $B/proxy/query.o
MANAGE := $(patsubst %,$B/proxy/%.o,manage_usage manage_data tally books keys rate clock query mem \
                                    member)
$B/tests/test_manage: $(MANAGE)
$B/tests/test_manage_keys: $(MANAGE) $(patsubst %,$B/proxy/%.o,manage manage_keys chain)
$B/tests/test_manage_keys: private LIBS := $B/ports.a $(LIBS) # random numbers
# Its processes give up calls that the sanitizers need; so it is built without them.
$B/tests/test_sandbox $B/tests/test_sandbox.o: private override CFLAGS := -O1 -g
$B/tests/test_sandbox: private LIBS = -lpthread
$B/tests/test_sandbox.o: private FEATURES = -D_GNU_SOURCE
# What is below or beside the dialects is built without them, which takes half the time.
PLAIN := roots base json json_swar http sse money chat route posix bearssl lwip lwip_raw corehttp zephyr \
         esp_idf mbedtls template
$(patsubst %,$B/tests/test_%.o,$(PLAIN)): private CPPFLAGS += -DOR_NO_DIALECT
# A port that is not in ports.a: its test names it, with the library below it.
$B/tests/test_lwip: $B/ports/lwip_sockets.o
$B/tests/test_lwip_raw: $B/ports/lwip_raw.o
$B/tests/test_lwip $B/tests/test_lwip_raw: private LIBS = -llwip -lpthread
$B/ports/lwip_sockets.o $B/ports/lwip_raw.o $B/tests/test_lwip.o $B/tests/test_lwip_raw.o: \
    private FEATURES = -D_GNU_SOURCE -isystem /usr/include/lwip
$B/tests/test_corehttp: $B/ports/corehttp.o
$B/ports/corehttp.o $B/tests/test_corehttp.o: private FEATURES = -Itests/stubs/corehttp
$B/tests/test_zephyr: $B/ports/zephyr.o
$B/ports/zephyr.o $B/tests/test_zephyr.o: private FEATURES = -Itests/stubs/zephyr
$B/tests/test_esp_idf: $B/ports/esp_idf.o
$B/ports/esp_idf.o $B/tests/test_esp_idf.o: private FEATURES = -Itests/stubs/esp_idf
ARDUINO := $(filter $B/tests/test_arduino_%,$(TESTS))
$(ARDUINO): private LIBS = -lstdc++ -lpthread
$(ARDUINO:=.o): private FEATURES = -Itests/stubs/arduino
# Static, since this test lets its allocations fail.
$B/tests/test_mbedtls: $B/ports/mbedtls.o
$B/tests/test_mbedtls: private LIBS = -Wl,--wrap=calloc -l:libmbedtls.a -l:libmbedx509.a \
                                      -l:libmbedcrypto.a -lpthread
$(EXAMPLES) $(TESTS) $(BENCHES): $B/%: $B/%.o $B/ports.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$B/tests/bench/wire: $B/tests/bench/wire.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $<
$B/tests/bench/wire.o: private FEATURES = -D_GNU_SOURCE
$B/ports.a: $(patsubst %.c,$B/%.o,$(PORTS))
	rm -f $@
	$(AR) rcs $@ $^
$B/orproxy.o $(patsubst %.c,$B/%.o,$(PROXY)): private FEATURES = -D_GNU_SOURCE \
    -ffunction-sections -fdata-sections
$B/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<
$B/%.o: %.cpp $B/flags
	@mkdir -p $(@D)
	$(CXX) -std=c++11 $(FEATURES) -Wall -Wextra -Wshadow $(INCLUDES) $(CPPFLAGS) $(CFLAGS) \
	    -MMD -MP -c -o $@ $<
-include $(wildcard $B/*.d $B/*/*.d $B/*/*/*.d)

# Roots for ca = builtin: PEM files as a table, by a tool that runs here whatever is built for. Its
# test takes those of ports/roots/roots.list.
$B/proxy/roots.o: $(CA_BUILTIN:%=$B/roots/table.h)
$B/proxy/roots.o: private FEATURES += $(CA_BUILTIN:%=-DROOTS_TABLE='"$B/roots/table.h"')
$B/tests/test_roots.o: $B/test_roots/table.h
$B/tests/test_roots.o: private FEATURES = -D_GNU_SOURCE \
    -DROOTS_TABLE='"$B/test_roots/table.h"' -DROOTS_PEM='"$B/test_roots/all.pem"'
build/roots: ports/roots/roots.c ports/bearssl.c or.h
	@mkdir -p $(@D)
	$(HOSTCC) -std=c99 -DOR_NO_DIALECT -I. $(JSMN:%=-idirafter %) -o $@ $(filter %.c,$^) -lbearssl
NAMES_OF = sed '/^\#/d; s/$$/.crt/' $(1)
$B/roots/all.pem: private NAMES = $(if $(filter all,$(CA_BUILTIN)),ls $(ROOTS),$(call NAMES_OF,$(CA_BUILTIN)))
$B/roots/all.pem: $(filter-out all,$(CA_BUILTIN)) $B/flags
$B/test_roots/all.pem: private NAMES = $(call NAMES_OF,ports/roots/roots.list)
$B/test_roots/all.pem: ports/roots/roots.list
$B/roots/all.pem $B/test_roots/all.pem:
	@mkdir -p $(@D)
	for name in $$($(NAMES)); do \
	    cat "$(ROOTS)/$$name" 2>/dev/null || echo "not in $(ROOTS): $$name" >&2; \
	done >$@
$B/%/table.h: $B/%/all.pem build/roots
	build/roots $< >$@

# Rewritten when the flags differ from last time, and then everything is built again.
$B/flags: always
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LDFLAGS) $(LIBS) $(CA_BUILTIN)' | cmp -s - $@ || \
	    echo '$(COMPILE) $(LDFLAGS) $(LIBS) $(CA_BUILTIN)' >$@

# Without a key or a configuration there is still something to talk to: --demo.
run:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh run
	@$(MAKE) --no-print-directory $B/orproxy
	@set -- $(ARGS); \
	case " $$*" in \
	*" -c"* | *" --upstream"* | *" --demo"* | *" --set provider"* | *" --help"* | *" --version"*) ;; \
	*)  if [ -z "$$OPENROUTER_API_KEY" ] && [ ! -e orproxy.conf ] && [ ! -e /etc/orproxy.conf ]; then \
	        echo "no OPENROUTER_API_KEY and no orproxy.conf: simulated models only"; \
	        set -- --demo "$$@"; \
	    fi ;; \
	esac; \
	echo "$B/orproxy $$*"; exec $B/orproxy "$$@"

test:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/run.sh
# What run.sh asks for: everything once plainly, and everything once with sanitizers.
test-build: test-plain test-sanitized cross-build
test-plain:
	$(MAKE) TARGET=native all build/native/tests/bench/wire
test-sanitized:
	$(MAKE) TARGET=test CFLAGS='$(SANITIZE) -Werror' test-programs
test-programs: all $(TESTS)
# or.h and orproxy on emulated machines; those of make test, and more.
cross-test:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/run.sh cross
cross-build: build/bare/jsmn.h
build/bare/jsmn.h: tests/bare_headers.sh
	CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/bare_headers.sh $(@D)

# One static file for each kind of machine: ports/static.sh has the list.
static:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh static
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh ports/static.sh build x86_64
cross:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh cross
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' \
	    sh ports/static.sh build $$(sh ports/static.sh targets)

# Packages of them, into build/dist; tests/packages.sh looks at these.
dist: cross
	sh ports/dist.sh

# Built as the tests are, with clang and in a folder of their own.
fuzz:
	@CC=clang INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh fuzz
	@$(MAKE) TARGET=fuzz CC=clang CFLAGS='$(SANITIZE) -fsanitize=fuzzer -DFUZZ_LIBFUZZER' \
	    $(FUZZERS:%=build/fuzz/tests/fuzz_%)
	@set -e; for part in $(FUZZERS); do \
	    mkdir -p build/fuzz/corpus/$$part tests/corpus/$$part; set -x; \
	    build/fuzz/tests/fuzz_$$part -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        -artifact_prefix=build/fuzz/ build/fuzz/corpus/$$part tests/corpus/$$part; \
	    { set +x; } 2>/dev/null; \
	done

# Static analysis; make test has the quick part of it.
lint:
	@CC=gcc INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh lint
	@INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/lint.sh

# The books through hundreds of kills; TORTURE_SEED repeats a run.
TORTURE_ROUNDS ?= 400
torture:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh test
	@$(MAKE) --no-print-directory TARGET=test CFLAGS='$(SANITIZE) -Werror' build/test/orproxy
	TORTURE_ROUNDS=$(TORTURE_ROUNDS) node --test tests/e2e/torture.test.js

# What providers, clients and the machine may do; FULL=1: an hour's worth of requests, and 10,000
# connections, which soak does alone. ARGS="--only cut" and the like: see the program.
hostile soak:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh test
	@$(MAKE) --no-print-directory test-plain
	@$(MAKE) --no-print-directory TARGET=test CFLAGS='$(SANITIZE) -Werror' build/test/orproxy
	node tests/hostile/hostile.js $(if $(FULL)$(filter soak,$@),--full) \
	    $(if $(filter soak,$@),--only connections --only flood --only soak) $(ARGS)

# Beside nginx and haproxy; BENCH="streams memory" runs these sections only, BENCH_SECONDS=0.2 is a
# smoke test, BENCH_ORPROXY=FILE takes another binary. See tests/bench/run.mjs.
BENCH_ORPROXY ?= $B/orproxy
bench:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh bench
	@$(MAKE) --no-print-directory $B/orproxy $B/tests/bench/wire $(BENCHES)
	@CC='$(CC)' ORPROXY='$(BENCH_ORPROXY)' WIRE=$B/tests/bench/wire BENCHES='$(BENCHES)' \
	    node tests/bench/run.mjs $(BENCH)

coverage:
	@CC=gcc INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh coverage
	@INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/coverage.sh

size:
	@CC='$(CC)' INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/install.sh size
	@$(MAKE) --no-print-directory $(ORPROXY) cross-build
	@INCLUDES='$(INCLUDES) $(CPPFLAGS)' sh tests/size.sh $(ORPROXY)

layers:
	@sh tests/layers.sh

clean-root:
	sh tests/clean_root.sh

install: $B/orproxy
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include
	install -m 755 $B/orproxy $(DESTDIR)$(PREFIX)/bin/orproxy
	install -m 644 or.h $(DESTDIR)$(PREFIX)/include/or.h

clean:
	rm -rf build

help:
	@echo 'make             build orproxy and the examples into $B'
	@echo 'make run         install what is missing, build, start (ARGS="--listen ...")'
	@echo 'make test        install what is missing, run every test under sanitizers'
	@echo 'make static      build/static/orproxy-x86_64, which needs nothing where it runs'
	@echo 'make cross       the same for ARM, MIPS and RISC-V: build/static/orproxy-NAME'
	@echo 'make dist        packages of these for Debian, OpenWrt, Alpine, containers, ...: build/dist'
	@echo 'make cross-test  or.h and orproxy on emulated ARM, MIPS and RISC-V machines'
	@echo 'make torture     the books through TORTURE_ROUNDS=$(TORTURE_ROUNDS) kills'
	@echo 'make hostile     hostile providers, clients and machines; FULL=1: longer'
	@echo 'make soak        10,000 connections, a flood, 72,000 requests'
	@echo 'make fuzz        each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) with libFuzzer'
	@echo 'make lint        cppcheck, clang-tidy, gcc -fanalyzer and shellcheck'
	@echo 'make coverage    lines of or.h that its tests execute, by part'
	@echo 'make bench       nginx, haproxy and orproxy side by side (BENCH="streams memory": these parts)'
	@echo 'make size        flash and stack of or.h on four processors, by part and by use'
	@echo 'make layers      includes that point sideways or up (there are none)'
	@echo 'make clean-root  make run and make test in a fresh Debian root (needs root)'
	@echo 'make install     DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)'
	@echo 'make clean       remove build/'
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS AR TARGET BEARSSL JSMN; see the top of Makefile.'

.PHONY: all run test test-build test-plain test-sanitized test-programs cross-test cross-build \
        static cross dist torture hostile soak fuzz lint bench coverage size layers clean-root install clean \
        help always
.SECONDARY:
.DELETE_ON_ERROR:
