/** From here on numbers are given a second time: names have room for four digits, and a call may take several. */
const highest = 9_000;

/** What belongs to one source of clones, the template or a branch: the numbers of its databases. */
export class Shelf {
  readonly branch: string | undefined;
  /** Databases that are being cloned now. */
  cloning = 0;
  /** The last error, until the next acquire: nothing is cloned meanwhile. */
  failure: { readonly error: unknown } | undefined;
  #next: number;
  /** Of databases that were dropped, the oldest first: whoever still knows such a name has had time to forget it. */
  readonly #free: number[] = [];
  readonly #failed: { first: number; count: number }[] = [];

  constructor(branch: string | undefined, next: number) {
    this.branch = branch;
    this.#next = next;
  }

  /** The numbers of the next call. Those of a failed call come again: perhaps their databases exist. */
  take(count: number): { first: number; count: number } {
    const again = this.#failed.shift();
    if (again) return again;
    const freed = this.#next > highest ? this.#free.shift() : undefined;
    if (freed !== undefined) return { first: freed, count: 1 };
    const first = this.#next;
    this.#next += count;
    return { first, count };
  }

  giveBack(n: number): void {
    this.#free.push(n);
  }

  fail(range: { first: number; count: number }, error: unknown): void {
    this.#failed.push(range);
    this.failure = { error };
  }
}
