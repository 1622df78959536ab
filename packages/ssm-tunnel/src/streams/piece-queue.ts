const EMPTY = new Uint8Array(0);

/** How many pieces are taken before the array is cut: moving what is left costs more the longer it is. */
const CUT_AFTER = 1_024;

/** First in, first out, in constant time also for hundreds of thousands of pieces, as `Array.shift` is not. */
export class PieceQueue {
  #pieces: Uint8Array[] = [];
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#pieces.length;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  shift(): Uint8Array | undefined {
    const piece = this.#pieces[this.#at];
    if (piece === undefined) return undefined;
    this.#pieces[this.#at++] = EMPTY;
    if (this.isEmpty) {
      this.clear();
    } else if (this.#at >= CUT_AFTER && this.#at * 2 >= this.#pieces.length) {
      this.#pieces.splice(0, this.#at);
      this.#at = 0;
    }
    return piece;
  }

  clear(): void {
    this.#pieces = [];
    this.#at = 0;
  }
}
