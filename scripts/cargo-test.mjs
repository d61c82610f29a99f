import { must, run } from './run.mjs'

/**
 * Runs tests of the crates; resolves as `run` does. They are compiled for the same target, and with the same features, as the addon is, so that what
 * both need is compiled once.
 */
export async function cargoTest(args, options) {
  const { output } = await must('rustc', ['-vV'], { capture: 'quiet' })
  const [, host] = /^host: (.*)$/m.exec(output)
  return await run('cargo', ['test', '--workspace', '--exclude', 'seqloom-node', '--target', host, ...args], options)
}
