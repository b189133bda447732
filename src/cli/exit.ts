/** Exit codes: the command has done what it was for; it could not; something in the set-up is wrong, or the command itself. */
export const DONE = 0;
export const FAILED = 1;
export const SETUP = 2;
