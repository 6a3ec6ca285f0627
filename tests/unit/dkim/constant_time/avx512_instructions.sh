#!/bin/sh
# Usage: avx512_instructions.sh libdkim.a. Fails when the unit that is compiled for AVX-512 has a vector instruction that
# is not on this list. Those on it take the same time whatever the vectors hold (Intel's list of instructions with data
# operand independent timing), and make no addresses of vectors.
objdump -d --no-show-raw-insn "$1" | awk '
  BEGIN {
    split("vmovdqa vmovdqa64 vmovdqu vmovdqu64 vmovups vmovaps vmovq vpbroadcastq vpaddq vpsubq vpand vpandq vpandd " \
          "vpor vporq vpxor vpxorq vpxord vpternlogq vpsllq vpsrlq vpsraq vpmadd52luq vpmadd52huq vpcmpeqq vpblendmq " \
          "vshufi64x2 valignq kmovw kxorw vzeroupper vzeroall", names, " ")
    for (i in names) good[names[i]] = 1
  }
  /: +file format / { inside = /^batch_rsa_avx512\./ }
  inside && $1 ~ /^[0-9a-f]+:$/ && ($2 ~ /^[vk]/ || /%[xyz]mm|%k[0-7]/) {
    ++seen[$2]
    if (!($2 in good)) bad[$2] = 1
  }
  END {
    for (name in bad) print "not known to take the same time always: " name
    for (name in bad) exit 1
    exit !("vpmadd52luq" in seen)
  }'
