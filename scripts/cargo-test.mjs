import { run } from './run.mjs'

/** Runs tests of the crates; resolves as `run` does. All calls choose the same features, so that a later one compiles nothing again. */
export const cargoTest = (args, options) =>
  run('cargo', ['test', '--workspace', '--exclude', 'seqloom-node', ...args], options)
