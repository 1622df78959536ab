import type { HclFile } from '../hcl/file.ts';
import { formatByHashicorp, parseByHashicorp } from '../hcl/hashicorp.ts';
import type { Body } from '../hcl/syntax.ts';
import type { Findings } from './finding.ts';
import { walkBody } from './walk.ts';

/** Whether HashiCorp's parser takes the file, and whether `terraform fmt` would leave it as it is. */
export async function checkLayout(file: HclFile, findings: Findings): Promise<void> {
  try {
    await parseByHashicorp(file.path, file.text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const place = /:(\d+),(\d+)-/.exec(message);
    const offset = place === null ? 0 : offsetOf(file.text, Number(place[1]), Number(place[2]));
    findings.add(
      'syntax',
      file,
      offset,
      message.replace(/^.*?\d+,\d+-\d+(?:,\d+)?: /, '').replace(/\]\s*$/, ''),
    );
    return;
  }
  const formatted = await formatByHashicorp(file.text);
  if (formatted !== file.text) {
    const [is, wanted] = [file.text.split('\n'), formatted.split('\n')];
    const line = is.findIndex((text, index) => text !== wanted[index]);
    findings.add(
      'fmt',
      file,
      offsetOf(file.text, line + 1, 1),
      `terraform fmt would write: ${wanted[line] ?? '(nothing)'}`,
    );
  }
  checkRewrites(file, findings);
}

/** The three things that `terraform fmt` changes beyond the layout. */
function checkRewrites(file: HclFile, findings: Findings): void {
  const visit = (body: Body): void => {
    for (const block of body.blocks) {
      for (const label of block.labels) {
        if (!label.quoted)
          findings.add('fmt', file, label.at, `terraform fmt would quote the label ${label.text}`);
      }
      visit(block.body);
    }
  };
  visit(file.body);
  walkBody(file.body, (expression) => {
    if (expression.kind !== 'template' || expression.heredoc || expression.parts.length !== 1) return;
    if (expression.parts[0]?.kind === 'interpolation') {
      findings.add('fmt', file, expression.at, 'terraform fmt would take this expression out of its quotes');
    }
  });
  for (const block of file.body.blocks) {
    const type = block.body.attributes.get('type');
    if (block.type === 'variable' && type?.value.kind === 'template') {
      findings.add('fmt', file, type.at, 'terraform fmt would take the type out of its quotes');
    }
  }
}

function offsetOf(text: string, line: number, column: number): number {
  let offset = 0;
  for (let current = 1; current < line; current++) {
    const next = text.indexOf('\n', offset);
    if (next < 0) break;
    offset = next + 1;
  }
  return offset + column - 1;
}
