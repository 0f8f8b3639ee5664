CC ?= cc
CFLAGS = -std=c99 -O2 -g -Wall -Wextra -Wconversion -Wshadow
