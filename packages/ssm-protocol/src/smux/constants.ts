/** Commands of smux version 1 (protocol section "smux v1"). */
export const SmuxCommand = { syn: 0, fin: 1, psh: 2, nop: 3 } as const;

/** The window update of version 2. In version 1 it has no meaning, but receivers read over it. */
export const SMUX_UPDATE = 4;
export const SMUX_UPDATE_BYTES = 8;

export const SMUX_VERSION = 1;

/** Bytes of a frame in front of its data. */
export const SMUX_HEADER_BYTES = 8;

/** The length field has 16 bits. */
export const SMUX_MAX_DATA_BYTES = 65_535;

/** The library counts up by two before use, so a client's first stream is 3. */
export const FIRST_CLIENT_STREAM_ID = 3;
