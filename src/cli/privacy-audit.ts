/** `parley privacy audit`: what private releases go through, tried for the faults that such code is known for. */
import { Command, Option } from 'commander';
import { planOfTask } from '../core/privacy/plan.ts';
import { auditLayer } from '../core/privacy-audit/audit.ts';
import {
  type AuditLayer,
  type AuditSetting,
  auditLayers,
  auditSizes,
  type Check,
} from '../core/privacy-audit/check.ts';
import type { AuditedMechanisms } from '../core/privacy-audit/mechanisms.ts';
import { UserError } from '../core/protocol/problem.ts';
import { ourMechanisms, secretBytes } from './audited-mechanisms.ts';
import { createProgress, faint, printJson, printLine, strong, table } from './output.ts';
import { wrapped } from './privacy-print.ts';
import { readTaskFile } from './task-file.ts';

interface AuditOptions {
  readonly quick?: true;
  readonly layer?: AuditLayer;
  readonly json?: true;
}

/** A check failed. */
const exitFailed = 1;

const titles: Readonly<Record<AuditLayer, string>> = {
  L0: 'replay: neighbouring data, the same random bytes',
  L1: 'noise',
  L2: 'batches',
  L3: 'accountants and ledger',
  L4: 'two worlds, with and without a canary',
  L5: 'one run with many canaries',
  L6: 'membership inference',
};

const limit =
  'An audit finds faults; it proves no privacy. ε that two worlds or one run show is a lower bound: what they do not show may be there.';

/** @param mechanisms what is audited: ours; something broken, to see that it is found. */
export function auditCommand(mechanisms: AuditedMechanisms = ourMechanisms): Command {
  return new Command('audit')
    .description(
      'try clipping, noise, batches, accountants and ledger for faults, as a federation runs them: docs/audit.md',
    )
    .argument('[task]', 'task file (YAML) whose noise and sampling are tried too')
    .option('--quick', 'in seconds, with fewer releases')
    .addOption(new Option('--layer <layer>', 'one layer alone').choices(auditLayers))
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExits with 1 when a check fails. Once in more than a thousand audits chance makes one fail.',
    )
    .action((path: string | undefined, options: AuditOptions) => audit(mechanisms, path, options));
}

async function audit(mechanisms: AuditedMechanisms, path: string | undefined, options: AuditOptions): Promise<void> {
  const setting = path === undefined ? undefined : settingOf(path);
  const size = auditSizes[options.quick ? 'quick' : 'full'];
  const layers = options.layer === undefined ? auditLayers : [options.layer];
  const progress = createProgress();
  const onProgress = (text: string): void => progress.status(text);
  const checks: Check[] = [];
  const startedMs = performance.now();
  try {
    for (const layer of layers) {
      progress.status(`${layer}: ${titles[layer]}`, `${layer}: ${titles[layer]}`);
      const found = await auditLayer(layer, {
        mechanisms,
        size,
        randomBytes: secretBytes,
        setting,
        onProgress,
      });
      checks.push(...found);
    }
  } finally {
    progress.end();
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const passed = checks.every(check => check.passed);
  if (!passed) process.exitCode = exitFailed;
  if (options.json) return printJson({ size: size.name, task: setting ?? null, passed, seconds, checks, limit });
  print(layers, checks);
  const failed = checks.filter(check => !check.passed).length;
  const count = `${checks.length} check${checks.length === 1 ? '' : 's'}`;
  printLine(strong(passed ? `${count} passed` : `${failed} of ${count} failed`));
  printLine(`${seconds} s`);
  printLine(wrapped(limit));
}

function print(layers: readonly AuditLayer[], checks: readonly Check[]): void {
  for (const layer of layers) {
    printLine(strong(`${layer} ${titles[layer]}`));
    const rows = checks.filter(check => check.layer === layer);
    const cells = rows.map(({ name, tried, figure, bound, passed }) => [
      passed ? 'passed' : 'FAILED',
      name,
      tried,
      figure,
      bound,
    ]);
    printLine(table([['', 'what must hold', 'tried on', 'figure', 'bound'].map(text => faint(text)), ...cells]));
    printLine();
  }
}

/** What of a task is tried. Throws UserError for one without privacy. */
function settingOf(path: string): AuditSetting {
  const plan = planOfTask(readTaskFile(path));
  if (plan === null) {
    throw new UserError(path, 'asks for no privacy', 'Name a task with a block privacy, or none: docs/privacy.md.');
  }
  const { noiseMultiplier, mechanism } = plan.privacy;
  return { mechanism, noiseMultiplier, samplingRate: plan.samplingRate, steps: plan.sums };
}
