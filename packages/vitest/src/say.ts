/** A line for people. vitest shows it as stderr of the test or file that is running. */
export function say(text: string): void {
  // biome-ignore lint/suspicious/noConsole: vitest takes the console's lines to the test that they belong to
  console.error(text);
}
