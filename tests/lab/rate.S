/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.S - a fixed piece of work for an emulated machine: calls, arithmetic and
 * memory, in 32 bits, without an operating system.  It ends the emulator
 * through the device isa-debug-exit.
 */
#define MAGIC 0x1badb002		/* multiboot: QEMU's -kernel takes it */
#define FLAGS 0x00010000		/* the addresses below are valid */
#define BASE 0x100000
#define MEMORY 0x200000			/* a megabyte from here on */
#define ROUNDS 400
#define EXIT_PORT 0xf4

	.code32
	.text
	.globl _start
header:	.long MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long header, BASE, 0, 0, _start

_start:	mov $stack, %esp
	mov $ROUNDS, %ebp
round:	mov $MEMORY, %edi
	mov $0x40000, %ecx
word:	mov (%edi), %eax
	call mix
	mov %eax, (%edi)
	add $4, %edi
	dec %ecx
	jnz word
	dec %ebp
	jnz round
	mov $EXIT_PORT, %dx
	xor %eax, %eax
	out %al, %dx
halt:	hlt
	jmp halt

mix:	add %ecx, %eax
	rol $7, %eax
	xor %ebp, %eax
	test $1, %al
	jz even
	sub $0x61c88647, %eax
even:	ret

	.bss
	.skip 64
stack:
