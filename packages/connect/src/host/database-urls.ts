import type {
  AliasRequest,
  AliasTarget,
  UrlListener,
  UrlListenerOptions,
  UrlRequest,
} from '../url-listener/open-url-listener.ts';

/** The listener behind the URLs of test databases. Most suites need none: it is opened for the first who asks. */
export class DatabaseUrls {
  readonly #options: UrlListenerOptions;
  #opening: Promise<UrlListener> | undefined;
  #listener: UrlListener | undefined;
  #closed = false;

  constructor(options: UrlListenerOptions) {
    this.#options = options;
  }

  async url(request: UrlRequest): Promise<string> {
    return (await this.#open()).url(request);
  }

  async aliasUrl(request: AliasRequest): Promise<string> {
    return (await this.#open()).aliasUrl(request);
  }

  async #open(): Promise<UrlListener> {
    this.#opening ??= import('../url-listener/open-url-listener.ts')
      .then(({ openUrlListener }) => openUrlListener(this.#options))
      .then(async (listener) => {
        this.#listener = listener;
        if (this.#closed) await listener.close();
        return listener;
      });
    const opening = this.#opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    return await opening;
  }

  /** Where an alias leads from now on. Gives how many sessions it had led elsewhere. */
  lead(alias: string, target: AliasTarget): number {
    return this.#listener?.lead(alias, target) ?? 0;
  }

  dropAlias(alias: string): void {
    this.#listener?.dropAlias(alias);
  }

  /** Ends what is connected to a database; its URL has to be asked for again. */
  withdraw(database: string): void {
    this.#listener?.withdraw(database);
  }

  endRun(run: string): void {
    this.#listener?.endRun(run);
  }

  counts(): ReturnType<UrlListener['counts']> | undefined {
    return this.#listener?.counts();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#listener?.close();
  }
}
