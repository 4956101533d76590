import { expect, test } from "vitest";
import { connect } from "../../src/hub/connection.ts";
import { uploadContents } from "../../src/hub/upload.ts";
import { WRITER } from "../support/hub/accounts.ts";
import { startHub } from "../support/hub/double.ts";

async function connected() {
	const double = await startHub();
	double.repository("org/a");
	const environment = { HF_ENDPOINT: double.hubUrl, HF_HOME: "/nonexistent", HF_TOKEN: WRITER };
	return { double, connection: await connect("org/a", { environment, retry: { sleep: async () => {} } }) };
}

test("uploadContents tells of an object that storage refuses, without where it would have gone", async () => {
	const { double, connection } = await connected();
	const files = [{ path: "a.safetensors", content: new Blob([]) }];
	const error = await uploadContents(connection, { files, removed: [] }, {}).catch((thrown: unknown) => thrown);
	expect(error).toMatchObject({
		code: "ERR_HUB_REJECTED",
		exitCode: 6,
		message: expect.stringContaining("not supported"),
	});
	expect(String(error)).not.toMatch(/\?[^…]/);
	expect(double.requests.map(({ route }) => route)).toEqual(["preupload", "lfs-batch"]);
});

test("uploadContents commits nothing and counts what goes out, less what has to go out again", async () => {
	const { double, connection } = await connected();
	double.faults.add({ route: "storage-put", effect: { kind: "status", status: 503 } });
	const files = [{ path: "a.safetensors", content: new Blob(["x".repeat(300_000)]) }];
	let sent = 0;
	const onSent = (byteLength: number) => {
		sent += byteLength;
	};
	await uploadContents(connection, { files, removed: [] }, { onSent });
	expect(sent).toBe(300_000);
	expect(double.requests.map(({ route }) => route)).toEqual(["preupload", "lfs-batch", "storage-put", "storage-put"]);
	expect(double.repositories.get("org/a")?.commits.size).toBe(1);
});
