#!/bin/sh
# Usage: avx512_symbols.sh libdkim.a. Fails when the unit that is compiled for AVX-512 has a symbol that the linker may take
# in place of another unit's copy: the program would stop on processors without AVX-512.
nm "$1" | awk '
  /^batch_rsa_avx512\./ { inside = 1; seen = 1; next }
  /:$/ { inside = 0 }
  inside && NF >= 2 && $(NF - 1) ~ /^[WwVvuC]$/ { print "may be shared: " $NF; shared = 1 }
  END { exit shared || !seen }'
