// Programs written for TensorFlow.js: each gives the losses and values that TensorFlow.js gave (see make.mjs beside them).
import { readdirSync, readFileSync } from 'node:fs'
import * as tf from 'seqloom/tfjs'
import { expect, test } from 'vitest'

const folder = new URL('../fixtures/tfjs-programs/', import.meta.url)
const recorded = JSON.parse(readFileSync(new URL('recorded.json', folder), 'utf8')) as Record<
  string,
  { losses: number[]; values: number[] }
>

const programs = readdirSync(folder).flatMap((file) => /^(.*)\.mjs$/.exec(file)?.[1] ?? [])

test('every program is recorded', () => {
  expect(Object.keys(recorded).toSorted()).toEqual(
    programs.filter((name) => !['begin', 'make'].includes(name)).toSorted(),
  )
})

for (const [name, { losses, values }] of Object.entries(recorded)) {
  test(`${name}: 20 steps or more have tfjs's losses`, async () => {
    const { run } = (await import(new URL(`${name}.mjs`, folder).href)) as {
      run: (library: typeof tf) => Promise<{ losses: number[]; values: number[] }>
    }
    const found = await run(tf)
    expect(losses.length).toBeGreaterThanOrEqual(20)
    expect(found.losses.length).toBe(losses.length)
    losses.forEach((loss, step) => {
      expect(Math.abs((found.losses[step] as number) - loss), `step ${step}`).toBeLessThan(1e-4)
    })
    expect(found.values.length).toBe(values.length)
    values.forEach((value, at) => {
      expect(Math.abs((found.values[at] as number) - value), `value ${at}`).toBeLessThan(1e-3)
    })
  })
}
