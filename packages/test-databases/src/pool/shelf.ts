/** What belongs to one source of clones, the template or a branch: the numbers of its databases. */
export class Shelf {
  readonly branch: string | undefined;
  /** Databases that are being cloned now. */
  cloning = 0;
  /** The last error, until the next acquire: nothing is cloned meanwhile. */
  failure: { readonly error: unknown } | undefined;
  #next: number;
  readonly #failed: { first: number; count: number }[] = [];

  constructor(branch: string | undefined, next: number) {
    this.branch = branch;
    this.#next = next;
  }

  /** The numbers of the next call. Those of a failed call come again: perhaps their databases exist. */
  take(count: number): { first: number; count: number } {
    const again = this.#failed.shift();
    if (again) return again;
    const first = this.#next;
    this.#next += count;
    return { first, count };
  }

  fail(range: { first: number; count: number }, error: unknown): void {
    this.#failed.push(range);
    this.failure = { error };
  }
}
