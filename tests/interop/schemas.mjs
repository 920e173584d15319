// SPDX-License-Identifier: MIT
/*
 * JSON Schema, as both of the dialects that hosts read it in.
 */
import assert from 'node:assert/strict';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';

/* Strict: an unknown keyword, or one that does nothing, is an error. Types in
 * unions (for null) are what JSON Schema has them for. */
const options = { strict: true, allErrors: true, allowUnionTypes: true,
	validateFormats: false };
const dialects = {
	'draft-07': new Ajv(options),
	'2020-12': new Ajv2020(options),
};

/* The value must be as the schema says, in either dialect. */
export function check(schema, value, what) {
	for (const [dialect, ajv] of Object.entries(dialects)) {
		const validate = ajv.compile(schema);
		assert.ok(validate(value), `${what}, ${dialect}: ` +
			`${ajv.errorsText(validate.errors)}\n` +
			JSON.stringify(value, null, 2));
	}
}

/* The schema itself must be one, in either dialect. */
export function checkSchema(schema, what) {
	for (const [dialect, ajv] of Object.entries(dialects)) {
		assert.ok(ajv.validateSchema(schema),
			`${what}, ${dialect}: ${ajv.errorsText()}`);
		ajv.compile(schema);
	}
}
