// SPDX-License-Identifier: MIT
// The program that scripts/bench executes: the less it does itself, the more a gate's share of its exec shows.
int main(void) { return 0; }
