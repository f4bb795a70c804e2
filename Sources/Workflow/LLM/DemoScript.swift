internal import Messages

/// `script/demo`: a small job from plan to proof. A shell program is written with a mistake in it, fails its own check,
/// is looked into, mended, and run again. Each run of a thread works in a folder of its own, so earlier files are never
/// in the way.
enum DemoScript {
    /// Prints the primes up to 31 and checks how many there are. The mistake: it stops before 31.
    static let program = """
        #!/bin/sh
        # Prints the primes up to a limit, and checks how many there are.
        limit=31
        expected=11

        found=0
        n=2
        while \(mistake); do
            divisor=2
            is_prime=1
            while [ $((divisor * divisor)) -le "$n" ]; do
                if [ $((n % divisor)) -eq 0 ]; then
                    is_prime=0
                    break
                fi
                divisor=$((divisor + 1))
            done
            if [ "$is_prime" -eq 1 ]; then
                echo "$n"
                found=$((found + 1))
            fi
            n=$((n + 1))
        done

        if [ "$found" -ne "$expected" ]; then
            echo "expected $expected primes up to $limit, found $found" >&2
            exit 1
        fi
        echo "$found primes up to $limit: as expected"

        """

    static let mistake = #"[ "$n" -lt "$limit" ]"#
    static let correction = #"[ "$n" -le "$limit" ]"#

    /// - Parameter run: counted from 1 within the thread.
    static func script(run: Int) -> Script {
        let folder = run == 1 ? "demo" : "demo-\(run)"
        let path = "\(folder)/primes.sh"
        let execute = Script.Call(
            name: "bash",
            arguments: ["command": .string("sh \(path)"), "description": "Run the program and its check"]
        )
        return Script(turns: [
            turn("I will write a small program, run it, and mend whatever its check finds.", plan, todos(done: 0)),
            turn("First the program itself.", create(path)),
            turn("Now I run it.", execute),
            turn(
                "The check failed: one prime is missing. I look for the loops, where a limit can be off by one.",
                search(folder)
            ),
            turn("The outer loop compares with the limit. I read it in its place.", read(path), todos(done: 1)),
            turn("The loop stops before the limit, so 31 is never tried. It has to include it.", edit(path)),
            turn("I run it again.", execute),
            turn("All eleven primes are there.", todos(done: 3)),
            turn(
                "The program works, and its check passes. The mistake was a loop that left out its limit.",
                suggest
            ),
        ])
    }

    private static func turn(_ text: String, _ calls: Script.Call...) -> Script.Turn {
        Script.Turn(text: text, calls: calls)
    }

    private static let plan = Script.Call(
        name: "job_plan",
        arguments: [
            "goal": "A shell program that prints primes and passes its own check",
            "steps": [
                ["id": "write", "title": "Write the program", "depends_on": []],
                ["id": "mend", "title": "Run it and mend what fails", "depends_on": ["write"]],
                ["id": "prove", "title": "Run it again to prove it", "depends_on": ["mend"]],
            ],
        ]
    )

    /// The first ones are completed, the next one is in progress.
    private static func todos(done: Int) -> Script.Call {
        let titles = ["Write the program", "Run it and mend what fails", "Run it again to prove it"]
        let items = titles.enumerated().map { index, title -> JSON in
            let status = index < done ? "completed" : index == done ? "in_progress" : "pending"
            return ["id": .string(String(index + 1)), "content": .string(title), "status": .string(status)]
        }
        return Script.Call(name: "todo_write", arguments: ["todos": .array(items)])
    }

    private static func create(_ path: String) -> Script.Call {
        Script.Call(
            name: "files_creation",
            arguments: ["files": [["path": .string(path), "content": .string(program)]]]
        )
    }

    private static func search(_ folder: String) -> Script.Call {
        Script.Call(
            name: "grep",
            arguments: ["pattern": "while", "path": .string(folder), "output_mode": "content"]
        )
    }

    private static func read(_ path: String) -> Script.Call {
        Script.Call(name: "file_read", arguments: ["file_path": .string(path)])
    }

    private static func edit(_ path: String) -> Script.Call {
        Script.Call(
            name: "file_edit",
            arguments: [
                "file_path": .string(path), "old_string": .string("while \(mistake)"),
                "new_string": .string("while \(correction)"),
            ]
        )
    }

    private static let suggest = Script.Call(
        name: "suggest_next_steps",
        arguments: [
            "suggestions": [
                "Take the limit from the command line", "Add a test for small limits", "Use a sieve for large limits",
            ]
        ]
    )
}
