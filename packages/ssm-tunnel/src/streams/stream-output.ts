/** What one stream still has to send. */
export interface StreamOutput {
  /** Given when the SYN goes out, so that ids on the wire only ever grow. */
  streamId: number | undefined;
  /** Called at that moment. */
  readonly opened: (streamId: number) => void;
  /** Bytes accepted from the writer; `offset` of the first chunk is sent. */
  readonly chunks: Uint8Array[];
  offset: number;
  pendingBytes: number;
  /** Called once all chunks have been put into messages, or with the reason why they never will be. */
  written: ((error?: Error) => void) | undefined;
}

/** Forgets what the stream still had to send. With an error the writer learns that its bytes are lost. */
export function discardOutput(output: StreamOutput, error?: Error): void {
  output.chunks.length = 0;
  output.offset = 0;
  output.pendingBytes = 0;
  const { written } = output;
  output.written = undefined;
  if (written !== undefined) process.nextTick(written, error);
}

/** Moves that many bytes from the stream's chunks to the parts, without copying them. */
export function takeChunks(output: StreamOutput, bytes: number, parts: Uint8Array[]): void {
  let missing = bytes;
  let done = 0;
  while (missing > 0) {
    const chunk = output.chunks[done];
    if (chunk === undefined) break;
    const part = chunk.subarray(output.offset, output.offset + missing);
    parts.push(part);
    missing -= part.length;
    output.offset += part.length;
    if (output.offset === chunk.length) {
      output.offset = 0;
      done++;
    }
  }
  if (done > 0) output.chunks.splice(0, done);
  output.pendingBytes -= bytes;
}
