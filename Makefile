# make            the three programs, in build/
# make check      every test; make demo: a real three-node cluster
# make SAN=address,undefined …, make CC=clang …: variants, each in its own folder
# make install    DESTDIR and PREFIX as usual

PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec/muster
MANDIR     ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
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
D_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
T_LIBS := $(shell pkg-config --libs libssh jansson libcrypto ncursesw 2>/dev/null)

src  = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c)))
obj  = $(patsubst %.c,$(B)/%.o,$(1))
ROOMS  := core broker node store net api
DAEMON := $(call src,$(addprefix daemon/,$(ROOMS)))
KEEPER := $(call src,daemon/keeper)
SHARED := $(call src,shared)
TUI    := $(filter-out tui/muster.c,$(call src,tui tui/console))
UNIT   := $(patsubst %.c,$(B)/%,$(call src,tests/unit))
SIM    := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/*_main.c))
BENCH  := $(patsubst %.c,$(B)/%,$(call src,tests/bench))
PROGS  := $(B)/musterd $(B)/muster-keeper $(B)/muster

all: $(PROGS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(ALL_C) -c -o $@ $<

# The statements of the store, one C table from one .sql file.
$(B)/gen/sql_text.h: daemon/store/statements.sql daemon/store/sql2c.awk
	@mkdir -p $(@D)
	$(Q)awk -f daemon/store/sql2c.awk daemon/store/statements.sql >$@.tmp && mv $@.tmp $@
$(call obj,$(DAEMON)) $(call obj,$(wildcard tests/*/*.c)): | $(B)/gen/sql_text.h

ar = @mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^
$(B)/libshared.a: $(call obj,$(SHARED)) ; $(ar)
$(B)/libdaemon.a: $(call obj,$(DAEMON)) ; $(ar)
$(B)/libtui.a: $(call obj,$(TUI)) ; $(ar)

link = $(if $(V),,@echo "  LINK $@") ; mkdir -p $(@D); $(CC) $(ALL_C) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(B)/musterd: $(B)/daemon/main.o $(B)/daemon/daemon.o $(B)/libdaemon.a $(B)/libshared.a
	$(Q)$(link) $(D_LIBS)
$(B)/muster-keeper: $(call obj,$(KEEPER)) $(B)/libshared.a
	$(Q)$(link)
$(B)/muster: $(B)/tui/muster.o $(B)/libtui.a $(B)/libshared.a
	$(Q)$(link) $(T_LIBS)
$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libdaemon.a $(B)/libtui.a $(B)/libshared.a
	$(Q)$(link) $(D_LIBS) $(T_LIBS) -lcmocka
$(BENCH): $(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libdaemon.a $(B)/libshared.a
	$(Q)$(link) $(D_LIBS)

unit: $(UNIT) $(PROGS)
	@set -e; for t in $(UNIT); do echo "== $$t"; MUSTER_BUILD=$(B) $$t; done

clean:
	rm -rf build

.PHONY: all unit clean
-include $(shell find build -name '*.d' 2>/dev/null)
