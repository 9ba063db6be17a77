# make            the three programs, in build/
# make demo       a real three-node cluster on this machine, in a minute
# make check      every test; its parts: unit, explore, sim, e2e, lint
# make fuzz       each parser for FUZZ_SECONDS; make e2e-slow; make bench
# make soak       FAULTS (200) on NODES (5) from a SEED; tests/e2e/soak
# make deps       installs what contrib/deps-debian lists, as root
# make install    DESTDIR and PREFIX as usual; make uninstall
# Variants, each in its own folder: make CC=clang, make SAN=address,undefined.
# CI=1 makes warnings errors, V=1 shows the commands.

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/muster
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/muster
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
SYSCONFDIR ?= /etc
DESTDIR    ?=
VERSION    := 0.1.0
CFLAGS     ?= -O2 -g
CC         := $(if $(filter default,$(origin CC)),gcc,$(CC))
SAN        ?=
V          ?=
Q          := $(if $(V),,@)

comma := ,
B := build$(if $(filter gcc,$(CC)),,/$(notdir $(CC)))$(if $(SAN),/$(subst $(comma),-,$(SAN)))

PKGS := libuv libssh jansson sqlite3 libconfig libcrypto
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith -Wvla -Wformat=2 -Wswitch-enum \
	-Wundef $(if $(CI),-Werror)
ALL_C = -std=c17 -D_GNU_SOURCE -fno-common -pthread $(WARN) -MMD -MP \
	-Ishared -Idaemon -Itui -I$(B)/gen $(PKG_C) $(CFLAGS) \
	-DMUSTER_VERSION='"$(VERSION)"' -DMUSTER_LIBEXEC='"$(LIBEXECDIR)"' \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
PKG_C  := $(shell pkg-config --cflags $(PKGS) ncursesw 2>/dev/null)
D_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
T_LIBS := $(shell pkg-config --libs libssh jansson libcrypto ncursesw 2>/dev/null) -lm

src  = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c)))
obj  = $(patsubst %.c,$(B)/%.o,$(1))
ROOMS  := core broker node store net api
DAEMON := $(call src,$(addprefix daemon/,$(ROOMS)))
KEEPER := $(call src,daemon/keeper)
SHARED := $(call src,shared)
TUI    := $(filter-out tui/muster.c,$(call src,tui tui/console))
UNIT   := $(patsubst %.c,$(B)/%,$(call src,tests/unit))
E2E    := $(wildcard tests/e2e/*.bats)
MANUALS := $(wildcard $(foreach n,1 5 7 8,$(addsuffix /*.$(n),daemon \
	daemon/keeper shared tui)))
BENCH  := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))
PROGS  := $(B)/musterd $(B)/muster-keeper $(B)/muster

all: $(PROGS)

# The packages first, and then a make that finds them.
deps:
	@contrib/deps

demo: deps
	+@$(MAKE) --no-print-directory all
	@MUSTER_BUILD=$(B) contrib/demo

check: deps
	@CC='$(CC)' CI='$(CI)' tests/check

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(ALL_C) -c -o $@ $<

# The statements of the store, one C table from one .sql file.
$(B)/gen/sql_text.h: daemon/store/statements.sql daemon/store/sql2c.awk
	@mkdir -p $(@D)
	$(Q)awk -f daemon/store/sql2c.awk daemon/store/statements.sql >$@.tmp && mv $@.tmp $@
$(call obj,$(DAEMON) daemon/daemon.c daemon/restore.c $(wildcard tests/*/*.c)): | $(B)/gen/sql_text.h

# Who knows the version or a path is compiled again when that changes.
$(B)/gen/built-in: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(LIBEXECDIR)' | cmp -s - $@ || \
	    echo '$(VERSION) $(LIBEXECDIR)' >$@
$(call obj,$(shell grep -rlE --include=*.c 'MUSTER_(VERSION|LIBEXEC)' \
	daemon shared tui tests)): $(B)/gen/built-in

ar = @mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^
$(B)/libshared.a: $(call obj,$(SHARED)) ; $(ar)
$(B)/libdaemon.a: $(call obj,$(DAEMON)) ; $(ar)
$(B)/libtui.a: $(call obj,$(TUI)) ; $(ar)

link = $(if $(V),,@echo "  LINK $@") ; mkdir -p $(@D); $(CC) $(ALL_C) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(B)/musterd: $(call obj,$(wildcard daemon/*.c)) $(B)/libdaemon.a $(B)/libshared.a
	$(Q)$(link) $(D_LIBS)
$(B)/muster-keeper: $(call obj,$(KEEPER)) $(B)/libshared.a
	$(Q)$(link)
$(B)/muster: $(B)/tui/muster.o $(B)/libtui.a $(B)/libshared.a
	$(Q)$(link) $(T_LIBS)
$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libdaemon.a $(B)/libtui.a $(B)/libshared.a
	$(Q)$(link) $(D_LIBS) $(T_LIBS) -lcmocka
$(B)/libbench.a: $(call obj,$(filter-out tests/bench/bench_%,$(call src,tests/bench))) ; $(ar)
$(BENCH): $(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libbench.a $(B)/libdaemon.a $(B)/libshared.a
	$(Q)$(link) $(D_LIBS)

# The explorer takes guards away from the shipped role core: its own objects.
EXPLORE := $(wildcard tests/sim/explore*.c daemon/core/role*.c daemon/core/lease.c)
$(B)/mutant/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $< (mutants)")
	$(Q)$(CC) $(ALL_C) -DROLE_MUTANTS -DEXPLORED -c -o $@ $<
$(B)/explore: $(patsubst %.c,$(B)/mutant/%.o,$(EXPLORE)) $(B)/libdaemon.a $(B)/libshared.a
	$(Q)$(link)

# The simulation replaces what touches the world outside: the linker takes its
# session_*, store_*, keeper_*, dirs_* and lookout_*, and these of the rest.
# It, too, takes guards away.
SIM_GUARDED := $(wildcard daemon/core/role*.c) daemon/core/lease.c \
	daemon/broker/ledger.c daemon/broker/ledger_file.c \
	daemon/broker/spool.c daemon/node/alone.c daemon/node/finder.c \
	daemon/node/finder_walk.c $(wildcard daemon/node/seat*.c) \
	daemon/node/spool.c
$(B)/guarded/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $< (guards)")
	$(Q)$(CC) $(ALL_C) -DROLE_MUTANTS -c -o $@ $<
# Static: most of its time goes into these two, and a call through a table costs.
SIM_LIBS := $(patsubst -lsqlite3,-l:libsqlite3.a,\
	$(patsubst -ljansson,-l:libjansson.a,$(D_LIBS)))
$(B)/sim: $(call obj,$(wildcard tests/sim/sim*.c)) \
    $(patsubst %.c,$(B)/guarded/%.o,$(SIM_GUARDED)) $(B)/libdaemon.a \
    $(B)/libshared.a
	$(Q)$(link) $(SIM_LIBS) $(foreach f,clock_now clock_mono clock_wall \
	    getrandom log_at statx lstat stat opendir readdir closedir,\
	    -Wl,--wrap=$f)

tests: $(UNIT) $(BENCH)
units: $(UNIT) $(PROGS)
unit: units
	@MUSTER_BUILD=$(B) tests/run $(UNIT)
explore: $(B)/explore
	$(B)/explore --seconds 40
# A thousand schedules of an hour each.  One again: build/sim -n 1 -s SEED -v
# All mutants with their medians: build/sim -n 200 -j 2 -x all -r 5
sim: $(B)/sim
	$(B)/sim -n 1000 -m 60 -j 2
	$(B)/sim -n 6 -m 15 -j 2 -d
	$(B)/sim -n 100 -m 60 -j 2 -x sure
e2e: $(PROGS)
	@MUSTER_BUILD=$(B) tests/e2e/run $(E2E)
e2e-slow: $(PROGS)
	@MUSTER_BUILD=$(B) tests/e2e/run $(wildcard tests/e2e/slow/*.bats)
soak: $(PROGS)
	@MUSTER_BUILD=$(B) tests/e2e/soak $(if $(FAULTS),--faults $(FAULTS)) \
	    $(if $(NODES),--nodes $(NODES)) $(if $(SEED),--seed $(SEED))

# Each parser for FUZZ_SECONDS, from the seeds in tests/fuzz/corpus; needs clang.
FUZZ := $(patsubst %.c,$(B)/%,$(call src,tests/fuzz))
FUZZ_SECONDS ?= 10
fuzz:
	+@$(MAKE) --no-print-directory CC=clang \
	    SAN=address,undefined,fuzzer-no-link fuzz-each
fuzz-each: $(FUZZ)
	@for f in $(FUZZ); do n=$${f##*/fuzz_}; mkdir -p $(B)/corpus/$$n; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(B)/ \
	    $(B)/corpus/$$n tests/fuzz/corpus/$$n >$$f.log 2>&1 || \
	    { tail -n 40 $$f.log; exit 1; }; \
	    echo "  ok   $$n: $$(tail -n 1 $$f.log)"; done
$(FUZZ): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libdaemon.a $(B)/libtui.a $(B)/libshared.a
	$(Q)$(link) -fsanitize=fuzzer $(D_LIBS) $(T_LIBS)
bench: $(BENCH) $(PROGS)
	@set -e; for b in $(BENCH); do MUSTER_BUILD=$(B) $$b; done
lint: $(call obj,$(call src,daemon/broker))
	@tests/lint $(MANUALS)
	@tests/layers daemon/broker/broker.h $^

I := $(DESTDIR)$(PREFIX)
UNITS := $(wildcard etc/systemd/*.service)
install: all
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(LIBEXECDIR) \
	    $(COMPDIR) $(DOCDIR)/examples $(SYSCONFDIR)/muster) \
	    $(addprefix $I/lib/,systemd/system sysusers.d tmpfiles.d)
	install -m 755 $(B)/musterd $(DESTDIR)$(SBINDIR)
	install -m 755 $(B)/muster $(DESTDIR)$(BINDIR)
	install -m 755 $(B)/muster-keeper $(DESTDIR)$(LIBEXECDIR)
	for m in $(MANUALS); do \
	    install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$${m##*.} $$m || exit; \
	done
	install -m 644 etc/muster.bash $(DESTDIR)$(COMPDIR)/muster
	install -m 644 README CHANGES $(DESTDIR)$(DOCDIR)
	install -m 644 etc/musterd.conf etc/keeper.conf $(DESTDIR)$(DOCDIR)/examples
	for f in musterd.conf keeper.conf; do \
	    test -e $(DESTDIR)$(SYSCONFDIR)/muster/$$f || \
	    install -m 644 etc/$$f $(DESTDIR)$(SYSCONFDIR)/muster || exit; done
	for u in $(notdir $(UNITS)); do sed -e 's,/usr/local/sbin,$(SBINDIR),' \
	    -e 's,/usr/local/libexec/muster,$(LIBEXECDIR),' \
	    etc/systemd/$$u >$I/lib/systemd/system/$$u || exit; done
	install -m 644 etc/sysusers.d/muster.conf $I/lib/sysusers.d
	install -m 644 etc/tmpfiles.d/muster.conf $I/lib/tmpfiles.d
	@$(if $(DESTDIR),,echo; echo "Then: systemd-sysusers && systemd-tmpfiles --create"; \
	    echo "      systemctl daemon-reload"; \
	    echo "      systemctl enable --now muster-keeper musterd")

# Configuration and state stay.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/musterd $(DESTDIR)$(BINDIR)/muster \
	    $(DESTDIR)$(COMPDIR)/muster $I/lib/sysusers.d/muster.conf \
	    $I/lib/tmpfiles.d/muster.conf \
	    $(addprefix $I/lib/systemd/system/,$(notdir $(UNITS)))
	rm -rf $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(DOCDIR)
	for m in $(notdir $(MANUALS)); do \
	    rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$$m; done

clean:
	rm -rf build

FORCE:
.PHONY: all deps demo check tests units unit explore sim e2e e2e-slow soak \
	fuzz fuzz-each bench lint install uninstall clean FORCE
.DELETE_ON_ERROR:
-include $(shell find build -name '*.d' 2>/dev/null)
