export class HclSyntaxError extends Error {
  override readonly name = 'HclSyntaxError';
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const identifier = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;

/** A place in the text of a file, and what is skipped between tokens. */
export class Cursor {
  readonly text: string;
  at = 0;
  /** Newlines end an item in bodies and object constructors; elsewhere in brackets they are blank. */
  #newlinesCount = true;

  constructor(text: string, at = 0) {
    this.text = text;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  withNewlines<T>(count: boolean, work: () => T): T {
    const before = this.#newlinesCount;
    this.#newlinesCount = count;
    try {
      return work();
    } finally {
      this.#newlinesCount = before;
    }
  }

  /** Blanks and comments; newlines too where they do not count. */
  skip(): void {
    for (;;) {
      const char = this.text[this.at];
      if (char === ' ' || char === '\t' || char === '\r' || (char === '\n' && !this.#newlinesCount))
        this.at++;
      else if (char === '#' || this.looksAt('//')) this.#toEndOfLine();
      else if (this.looksAt('/*')) {
        const end = this.text.indexOf('*/', this.at + 2);
        if (end < 0) throw this.wrong('a comment without end');
        this.at = end + 2;
      } else return;
    }
  }

  skipLines(): void {
    this.withNewlines(false, () => this.skip());
  }

  looksAt(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  /** Takes the text if it is next, after blanks. */
  take(text: string): boolean {
    this.skip();
    if (!this.looksAt(text)) return false;
    this.at += text.length;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.wrong(`"${text}" is expected, not ${this.describe()}`);
  }

  identifier(): string | undefined {
    this.skip();
    identifier.lastIndex = this.at;
    const found = identifier.exec(this.text);
    if (found === null) return undefined;
    this.at += found[0].length;
    return found[0];
  }

  wrong(message: string, at: number = this.at): HclSyntaxError {
    return new HclSyntaxError(at, message);
  }

  describe(): string {
    return this.done ? 'the end of the file' : JSON.stringify(this.text.slice(this.at, this.at + 12));
  }

  #toEndOfLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end;
  }
}
