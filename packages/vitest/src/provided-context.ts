import type { SuiteDefaults } from './options.ts';
import type { PluginDefaults } from './plugin-options.ts';

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
  /** Root of the vitest project. */
  readonly root: string;
  /** What holds for tests that do not say otherwise. */
  readonly defaults: SuiteDefaults;
  /** Counts the runs of watch mode. */
  readonly generation: number;
  /** True when files leave the process to the next file as it is: what is open stays open. */
  readonly sharedProcess: boolean;
  /** Watch mode: why this rerun has no databases. The next one tries again. */
  readonly failed?: { readonly message: string; readonly hint?: string };
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Provided by `@postern/vitest/global-setup`. */
    postern: ProvidedPostern;
    /** From `postern()` in the configuration to its own setups. */
    posternPlugin: PluginDefaults;
  }
}
