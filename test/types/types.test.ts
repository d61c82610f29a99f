import { expect, it } from 'vitest'
import { complaints } from '../helpers/typescript.js'

it('right programs compile, with no complaint about our declarations', () => {
  expect(complaints(['test/types/right.test-d.ts'])).toEqual([])
})

it('programs for TensorFlow.js compile after their import is changed', () => {
  expect(complaints(['test/types/tfjs.test-d.ts', 'test/types/tfjs-program.test-d.ts'])).toEqual([])
})

it('wrong options and unknown names do not', () => {
  expect(complaints(['test/types/wrong.test-d.ts'])).toEqual([])
})
