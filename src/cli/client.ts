/** parley client: runs the client of one organisation. */
import { Command } from 'commander';
import { requireFile } from '../node/data/read-file.ts';
import { fileLog, streamLog } from '../node/logger.ts';
import { fileTrainers, runClientProcess } from '../node/run-client.ts';
import { untilStopped } from './lifetime.ts';

interface Options {
  home: string;
  data: string;
  accept?: string[];
  log?: string;
  withParent?: boolean;
}

export function clientCommand(): Command {
  return new Command('client')
    .description('run the client of one organisation: trains on its data, sends updates, never the data')
    .requiredOption('--data <file>', 'table of this site (CSV in the form the task declares)')
    .option('--home <dir>', 'home of this member, as made by parley join', './.parley/member')
    .option('--accept <task...>', 'take part only in tasks of these names (default: every task of the federation)')
    .option('--log <file>', 'append the log to a file instead of standard error')
    .option('--with-parent', 'also end when standard input closes')
    .addHelpText(
      'after',
      '\nOnly outbound connections are made, so it works behind NAT. It goes on after lost connections and restarts.',
    )
    .action(async (options: Options) => {
      requireFile(options.data);
      const log = options.log === undefined ? streamLog(process.stderr) : fileLog(options.log);
      const trainerFor = fileTrainers(options.data, options.accept ?? null);
      await runClientProcess({ home: options.home, log, trainerFor, signal: untilStopped(options.withParent) });
    });
}
