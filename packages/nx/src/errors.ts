/**
 * - `NX_OPTIONS_INVALID` (invalid): the plugin's entry in `nx.json` has an unknown or malformed option. Correct it.
 */
export type NxPluginErrorCode = 'NX_OPTIONS_INVALID';

/** What this plugin throws. Nx prints the message. */
export class NxPluginError extends Error {
  override readonly name = 'NxPluginError';
  readonly code: NxPluginErrorCode;
  readonly kind: 'invalid';
  readonly hint: string;

  constructor(code: NxPluginErrorCode, details: { kind: 'invalid'; message: string; hint: string }) {
    super(details.message);
    this.code = code;
    this.kind = details.kind;
    this.hint = details.hint;
  }
}
