import { hostTarget, run } from './run.mjs'

/** What is built with every check that Rust has: the rest is what the addon of `npm run setup` needs too, and is compiled once for both. */
const checked = ['seqloom', 'seqloom-graph', 'seqloom-kernels', 'seqloom-text']

/** Runs tests of the crates; resolves as `run` does. The profile, the target and the features are those of the addon. */
export async function cargoTest(args, options) {
  const checks = checked.flatMap((name) =>
    ['debug-assertions', 'overflow-checks'].flatMap((check) => [
      '--config',
      `profile.quick.package.${name}.${check}=true`,
    ]),
  )
  return await run(
    'cargo',
    ['test', '--workspace', '--profile', 'quick', '--target', await hostTarget(), ...checks, ...args],
    options,
  )
}
