/**
 * What the global setup hands to the workers: names and paths of sockets, never a secret. Workers ask the host
 * for tokens.
 */
export interface ProvidedPostern {
  /** Control socket of the host process. */
  readonly controlSocket: string;
  /** Id of the run whose databases the workers may take. */
  readonly run: string;
  /** Name of the declared database, as in `defineDatabase({ name })`. */
  readonly database: string;
  /** Name of the environment, as in `postern.config.ts`. */
  readonly environment: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Provided by `@postern/vitest/global-setup`. */
    postern: ProvidedPostern;
  }
}
