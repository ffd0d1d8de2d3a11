/** The same as in package.json; a test keeps the two in step (reading that file would cost every start a millisecond). */
export const VERSION = '0.1.0'
