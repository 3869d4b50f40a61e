/** parley client: runs the client of one organisation. */
import { Command } from 'commander';
import { requireSite } from '../node/data/site-files.ts';
import { fileLog, streamLog } from '../node/logger.ts';
import { fileTrainers, ownTrainers, runClientProcess } from '../node/run-client.ts';
import { foreignTrainers } from '../node/trainer/foreign-trainers.ts';
import { type GroupPolicyOptions, groupPolicy, withGroupPolicy } from './group-policy-options.ts';
import { untilStopped } from './lifetime.ts';
import { type ThreadsOption, trainingThreads, withThreads } from './threads-option.ts';
import { type TrainerLimitOptions, trainerSettings, withTrainerLimits } from './trainer-options.ts';

interface Options extends TrainerLimitOptions, ThreadsOption, GroupPolicyOptions {
  home: string;
  data: string;
  accept?: string[];
  log?: string;
  withParent?: boolean;
  trainer?: string;
}

export function clientCommand(): Command {
  const command = new Command('client')
    .description('run the client of one organisation: trains on its data, sends updates, never the data')
    .requiredOption('--data <path>', 'table, images or text of this site, in the form the task declares (docs/data.md)')
    .option('--home <dir>', 'home of this member, as made by parley join', './.parley/member')
    .option('--accept <task...>', 'take part only in tasks of these names (default: every task of the federation)')
    .option('--log <file>', 'append the log to a file instead of standard error')
    .option('--with-parent', 'also end when standard input closes')
    .option('--trainer <command>', 'let this program train (docs/trainer.md); split at spaces, no shell');
  return withThreads(withTrainerLimits(withGroupPolicy(command)))
    .addHelpText(
      'after',
      '\nOnly outbound connections are made, so it works behind NAT. It goes on after lost connections and restarts.\n' +
        'What private tasks spend is kept in the home: parley privacy ledger. privacy-policy.yaml in the home says which\n' +
        'tasks it may take part in, whatever the federation asks for (docs/ledger.md). --honest, --colluders and --strict-sets\n' +
        'do the same for groups of secure aggregation (docs/groups.md).',
    )
    .action(async (options: Options) => {
      requireSite(options.data);
      const log = options.log === undefined ? streamLog(process.stderr) : fileLog(options.log);
      const foreign =
        options.trainer === undefined ? null : foreignTrainers(trainerSettings(options.trainer, options, log));
      await using threads = await trainingThreads(foreign === null ? options.threads : 1);
      const open = foreign?.open ?? ownTrainers(threads.workers);
      const trainerFor = fileTrainers(options.data, options.accept ?? null, open, options.home);
      try {
        const { home, withParent } = options;
        const signal = untilStopped(withParent);
        await runClientProcess({ home, log, trainerFor, signal, groupPolicy: groupPolicy(options) });
      } finally {
        await foreign?.close();
      }
    });
}
