/** The warnings of this package that a call lets Node emit. */
export async function warnings(call: () => unknown): Promise<(Error & { readonly code?: string })[]> {
  const told: Error[] = []
  const listener = (warning: Error) => {
    if (warning.name === 'SeqloomWarning') told.push(warning)
  }
  process.on('warning', listener)
  try {
    await call()
    // Node emits them in a later turn.
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', listener)
  }
  return told
}
