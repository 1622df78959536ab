import { format as hclwrite } from '@cdktn/hcl-tools';
import { parse } from '@cdktn/hcl2json';

/**
 * HashiCorp's own parser and formatter, compiled to WebAssembly. What the parser says yes to is HCL; positions and the shape of
 * expressions come from our parser, which must agree with it (compared on every file of infra/ in a test).
 */
export async function parseByHashicorp(path: string, text: string): Promise<Record<string, unknown>> {
  return (await parse(path, text)) as Record<string, unknown>;
}

/** What `hclwrite.Format` makes of it: the layout that `terraform fmt` gives, without its three rewrites of syntax. */
export async function formatByHashicorp(text: string): Promise<string> {
  return await hclwrite(text);
}
