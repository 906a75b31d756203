/* SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0 */
/*
 * HighSpeed TCP (RFC 3649, appendix B): what a round trip adds and a loss takes, by the window.
 *
 * Row i holds for windows up to its own `window`: then a round trip adds i + 1 segments. The rows are
 * the RFC's, its decrease rounded to two digits as there; a test compares them with the RFC's formulas.
 */
#pragma once

#define HIGH_SPEED_ROWS 73

struct high_speed_row {
	u32 window; /* segments */
	u32 decrease; /* share of the window, times WAD_SCALE */
};

static const struct high_speed_row high_speed[HIGH_SPEED_ROWS] = {
	{ 38, 512 }, { 118, 451 }, { 221, 420 }, { 347, 389 }, { 495, 379 }, { 663, 358 },
	{ 851, 348 }, { 1058, 338 }, { 1284, 328 }, { 1529, 317 }, { 1793, 307 }, { 2076, 297 },
	{ 2378, 287 }, { 2699, 287 }, { 3039, 276 }, { 3399, 276 }, { 3778, 266 }, { 4177, 266 },
	{ 4596, 256 }, { 5036, 256 }, { 5497, 246 }, { 5979, 246 }, { 6483, 236 }, { 7009, 236 },
	{ 7558, 225 }, { 8130, 225 }, { 8726, 225 }, { 9346, 215 }, { 9991, 215 }, { 10661, 215 },
	{ 11358, 205 }, { 12082, 205 }, { 12834, 205 }, { 13614, 195 }, { 14424, 195 },
	{ 15265, 195 }, { 16137, 195 }, { 17042, 184 }, { 17981, 184 }, { 18955, 184 },
	{ 19965, 174 }, { 21013, 174 }, { 22101, 174 }, { 23230, 174 }, { 24402, 164 },
	{ 25618, 164 }, { 26881, 164 }, { 28193, 164 }, { 29557, 154 }, { 30975, 154 },
	{ 32450, 154 }, { 33986, 154 }, { 35586, 143 }, { 37253, 143 }, { 38992, 143 },
	{ 40808, 143 }, { 42707, 133 }, { 44694, 133 }, { 46776, 133 }, { 48961, 133 },
	{ 51258, 133 }, { 53677, 123 }, { 56230, 123 }, { 58932, 123 }, { 61799, 123 },
	{ 64851, 113 }, { 68113, 113 }, { 71617, 113 }, { 75401, 102 }, { 79517, 102 },
	{ 84035, 102 }, { 89053, 102 }, { 94717, 92 },
};

/*
 * Moves `row` to that of a window; from one acknowledgement to the next it is the same or a neighbour. Not
 * static, so that the verifier looks at it once.
 */
__noinline u32 high_speed_row(u32 row, u32 window)
{
	for (int i = 0; i < HIGH_SPEED_ROWS; i++) {
		if (row < HIGH_SPEED_ROWS - 1 && window > high_speed[row].window)
			row++;
		else if (row > 0 && row < HIGH_SPEED_ROWS && window <= high_speed[row - 1].window)
			row--;
		else
			break;
	}
	return row < HIGH_SPEED_ROWS ? row : HIGH_SPEED_ROWS - 1;
}
