import Bytes
import Evaluation
import Testing

/// Templates against what Jinja and Python give for the same expressions.
@Suite struct TaskTemplateTests {
  private static let row: JSONObject = [
    "goal": " Boil water ", "n": 7, "answer": "2", "empty": "",
    "choices": ["text": ["red", "blue"], "label": ["A", "B"]], "list": ["x", "yy", "x"],
    "pairs": [["text": "p"], ["text": "q"]],
    "wiki": " Remove [header] the tag [title] it.  Now [step] go [open",
    "sentence": "Ian told _ that he", "accent": "éA",
    "long": .string(String(repeating: "x", count: 3 << 20)),
  ]

  private func value(_ template: String) throws -> JSON {
    try TaskTemplate(template).value(of: Self.row)
  }

  static let values: [(String, JSON)] = [
    ("goal", " Boil water "), ("Q: {{goal}}\nA:", "Q:  Boil water \nA:"),
    ("{{n}}", 7), ("n = {{n}}", "n = 7"), ("{{choices.text}}", ["red", "blue"]),
    ("{{choices.text[1]}}", "blue"), ("{{choices['label'][-1]}}", "B"),
    ("{{choices.label.index('B')}}", 1), ("{{[goal, answer]}}", [" Boil water ", "2"]),
    ("{{ {'1': 0, '2': 1}[answer] }}", 1), ("{{ goal.strip()[:-1] }}", "Boil wate"),
    ("{{goal|trim|lower}}", "boil water"), ("{{' '+answer}}", " 2"),
    ("{{answer|int - 1}}", 1), ("{{answer|int + n}}", 9), ("{{'a' ~ n ~ 'b'}}", "a7b"),
    ("{{ 'yes' if n == 7 else missing }}", "yes"), ("{{ 'yes' if n != 7 else 'no' }}", "no"),
    ("{{ missing if missing is defined else 'none' }}", "none"),
    ("{{ choices is mapping and goal is string and not empty }}", true),
    ("{{ gold is not defined }}", true), ("{{ 'x' in list }}", true),
    ("{{ 'z' not in list }}", true), ("{{pairs|map(attribute='text')|list}}", ["p", "q"]),
    ("{{list|map('upper')|join('-')}}", "X-YY-X"), ("{{list|length}}", 3),
    ("{{list|first}}{{list|last}}", "xx"),
    ("{{sentence.split(' ')[:-1]|join(' ')}}", "Ian told _ that"),
    ("{{sentence[:sentence.index('_')] ~ 'Bo'}}", "Ian told Bo"),
    ("{{ sentence[sentence.index('_') + 1:].strip() }}", "that he"),
    ("{{ 'aBc dE'.capitalize() }}", "Abc de"), ("{{ 'ABC'|lower_first }}", "aBC"),
    ("{{ 'a  b'.replace('  ', ' ') }}", "a b"), ("{{ 'éb'.replace('', '-') }}", "-é-b-"),
    ("{{ ''.replace('', 'x') }}", "x"), ("{{ 'aXbX'.replace('X', 'yy') }}", "ayybyy"),
    ("{{ ['b', 'ab', 'a', 'bc']|without_longer }}", ["a", "b"]),
    ("{{ accent[0] }}", "é"), ("{{ accent|length }}", 2), ("{{ true }}", true), ("{{ none }}", nil),
    ("{a}", "{a}"), ("{{ '}}' }}", "}}"), ("{{ \"it's\\n\" }}", "it's\n"), ("", ""),
  ]

  @Test(arguments: values)
  func expressionsHaveTheirValues(_ template: String, _ expected: JSON) throws {
    #expect(try value(template) == expected, "\(template)")
  }

  /// The preparation of lm_eval/tasks/hellaswag/utils.py: strip, titles, brackets, two spaces.
  @Test func hellaswagIsPrepared() throws {
    #expect(try value("{{wiki|hellaswag}}") == "Remove the tag. it. Now go [open")
  }

  static let refused: [(String, String)] = [
    ("{% if a %}", "statements"), ("{# a #}", "comments"), ("{{- a }}", "whitespace control"),
    ("{{ a", "without `}}`"), ("{{ }}", "ends too early"), ("{{ a b }}", "`b` is unexpected"),
    ("{{ a|regex_replace('x', 'y') }}", "the filter `regex_replace` isn't supported; use one of"),
    ("{{ a.format(b) }}", "the method `format` isn't supported"),
    ("{{ a|trim(1) }}", "takes 0 arguments, found 1"), ("{{ 'a }}", "isn't closed"),
    ("{{ a if b }}", "`if` without `else`"), ("{{ a is number }}", "the test `is number`"),
    ("{{ 1.5 }}", "fraction"), ("{{ a * 2 }}", "`*` isn't supported"),
    ("{{ [a, }}", "ends too early"), ("{{ '\\x41' }}", "escape"),
    ("{{ 99999999999999999999 }}", "too large"),
    ("{{ " + String(repeating: "(", count: 65) + "a", "without `}}`"),
    ("{{ " + String(repeating: "(", count: 65) + "a }}", "deeper than 64"),
    ("{{ a" + String(repeating: " + a", count: 500) + " }}", "more than 1000 names"),
  ]

  @Test(arguments: refused)
  func otherTemplatesAreRefused(_ template: String, _ finding: String) {
    let problem = #expect(throws: TemplateProblem.self) { try TaskTemplate(template) }
    #expect(problem?.text.contains(finding) == true, "\(template): \(problem?.text ?? "accepted")")
  }

  static let misfits: [(String, String)] = [
    ("missing", "the row has no field `missing`; it has goal, n"),
    ("{{missing}}", "no field `missing`"),
    ("{{choices.texts}}", "no member `texts`; there are text, label"),
    ("{{goal.text}}", "a string has no member `text`"), ("{{list[3]}}", "no element 3 among 3"),
    ("{{choices.label.index('C')}}", "isn't in"),
    ("Q: {{list}}", "an array can't be part of a text"),
    ("{{n.strip()}}", "`strip` needs a text, found a number"), ("{{goal|int}}", "whole number"),
    ("{{goal + n}}", "can't combine a string and a number"), ("{{n|first}}", "needs a list"),
    ("{{ {'1': 0}[answer] }}", "no member `2`"),
    ("{{goal.split('')}}", "`split` by an empty text"),
    (growing(".replace('', "), "more than 4 MiB"), (growing(".replace(' ', "), "more than 4 MiB"),
    (growing("|list|join("), "more than 4 MiB"), ("{{long ~ long}}", "more than 4 MiB"),
    ("{{long + long}}", "more than 4 MiB"), ("{{long}}{{long}}", "more than 4 MiB"),
  ]

  /// A template that applies `function` to a field and itself, five times over: each multiplies the
  /// length.
  private static func growing(_ function: String) -> String {
    let expression = (0..<5).reduce("goal") { inner, _ in "(\(inner))\(function)\(inner))" }
    return "{{\(expression)}}"
  }

  @Test(arguments: misfits)
  func rowsThatDoNotFitAreNamed(_ template: String, _ finding: String) throws {
    let template = try TaskTemplate(template)
    let problem = #expect(throws: TemplateProblem.self) { try template.value(of: Self.row) }
    #expect(problem?.text.contains(finding) == true, "\(problem?.text ?? "accepted")")
  }
}
