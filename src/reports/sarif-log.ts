/**
 * The part of SARIF 2.1.0 that is written here, by its own names.
 *
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
 */
export interface SarifLog {
	readonly $schema: string;
	readonly version: "2.1.0";
	readonly runs: readonly SarifRun[];
}

export interface SarifRun {
	readonly tool: { readonly driver: SarifDriver };
	readonly invocations: readonly SarifInvocation[];
	readonly columnKind: "utf16CodeUnits";
	readonly results: readonly SarifResult[];
	readonly properties?: Readonly<Record<string, unknown>>;
}

export interface SarifDriver {
	readonly name: string;
	readonly version: string;
	readonly rules: readonly SarifRule[];
}

export interface SarifRule {
	readonly id: string;
	readonly name: string;
	readonly shortDescription: SarifMessage;
	readonly fullDescription: SarifMessage;
	readonly help: SarifMessage;
	readonly defaultConfiguration: { readonly level: SarifLevel };
}

export type SarifLevel = "error" | "warning" | "note";

export interface SarifMessage {
	readonly text: string;
}

export interface SarifInvocation {
	readonly executionSuccessful: boolean;
	readonly exitCode: number;
	readonly toolExecutionNotifications: readonly SarifNotification[];
}

export interface SarifNotification {
	readonly level: SarifLevel;
	readonly message: SarifMessage;
	/** Of an error: its code. */
	readonly descriptor?: { readonly id: string };
	readonly associatedRule?: { readonly id: string; readonly index: number };
}

export interface SarifResult {
	readonly ruleId: string;
	readonly ruleIndex: number;
	readonly level: "error" | "warning";
	readonly message: SarifMessage;
	readonly locations: readonly SarifLocation[];
	readonly partialFingerprints: Readonly<Record<string, string>>;
	readonly properties?: Readonly<Record<string, unknown>>;
}

export interface SarifLocation {
	readonly physicalLocation: {
		readonly artifactLocation: { readonly uri: string };
		readonly region: { readonly startLine: number };
	};
	readonly logicalLocations?: readonly { readonly fullyQualifiedName: string }[];
}
