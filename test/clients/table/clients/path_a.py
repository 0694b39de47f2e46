# The Python examples of examples/path-a, each with a scripted model: python clients/path_a.py URL EXAMPLE.py
# Prints one line of JSON: the tools that the model was offered, the answer that it was told, the agent's last word, and the refusal with who saw it.
import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[4] / "examples" / "path-a"
ANSWERED = ("echo", {"message": "hello from the table"})
# A tool that the policy forbids is not even offered; one that is offered is refused for what is in the arguments. In two parts: no file holds what looks like a key.
REFUSED = ("echo", {"message": "the key is AKIA" + "Q3EGRIPVZ5XKWJNM"})
DONE = "done"


def example(name):
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), EXAMPLES / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# A scripted model asks for one tool and ends. Each function: the example, the call → (tools the model was offered, what the model was told of the call, the agent's last word).
# What the program gets instead of an answer is raised.
async def langgraph(ask, name, arguments):
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage, ToolMessage

    offered, told = [], []

    class Scripted(GenericFakeChatModel):
        def bind_tools(self, tools, **_):
            offered.extend(tool.name for tool in tools)
            return self

        def _generate(self, messages, *rest, **more):
            told.extend(message.text for message in messages if isinstance(message, ToolMessage))
            return super()._generate(messages, *rest, **more)

    asks = AIMessage(content="", tool_calls=[{"name": name, "args": arguments, "id": "call-1"}])
    return offered, told, await ask(Scripted(messages=iter([asks, AIMessage(content=DONE)])), "Use the tool.")


async def openai(ask, name, arguments):
    from agents import set_tracing_disabled
    from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

    set_tracing_disabled(True)
    model = ScriptedModel([ModelStep([function_call(name, arguments, call_id="call-1")]), ModelStep([assistant_message(DONE)])])
    said = await ask(model, "Use the tool.")
    outputs = [item["output"] for item in model.last_call.input if item.get("type") == "function_call_output"]
    return [tool.name for tool in model.first_call.tools], [text_of(output) for output in outputs], said


async def pydantic(ask, name, arguments):
    from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    offered, told = [], []

    def respond(messages, info):
        if not offered:
            offered.extend(tool.name for tool in info.function_tools)
            return ModelResponse(parts=[ToolCallPart(name, arguments)])
        for part in messages[-1].parts:
            if isinstance(part, ToolReturnPart):
                told.append(part.model_response_str())
            elif isinstance(part, RetryPromptPart):
                told.append(part.model_response())
        return ModelResponse(parts=[TextPart(DONE)])

    return offered, told, await ask(FunctionModel(respond), "Use the tool.")


async def fastmcp(call, name, arguments):
    tools, text = await call(name, arguments)
    return tools, [text], DONE


def text_of(output):
    return output if isinstance(output, str) else " ".join(part.get("text", "") for part in output)


def of(module):
    kind = module.__name__.split("_", 1)[0]
    return getattr(module, "ask", None) or module.call, {"langgraph": langgraph, "openai": openai, "pydantic": pydantic, "fastmcp": fastmcp}[kind]


async def main():
    _, url, name = sys.argv
    os.environ["MCP_URL"] = url
    ask, drive = of(example(name))
    offered, told, said = await drive(ask, *ANSWERED)
    answer = told[0] if told else ""
    try:
        _, shown, _ = await drive(ask, *REFUSED)
        refusal = {"seen_by": "model", "text": shown[0] if shown else "", "data": None}
    except Exception as error:
        refusal = {"seen_by": "program", "text": f"{type(error).__name__}: {error}", "data": getattr(getattr(error, "error", None), "data", None)}
    print(json.dumps({"tools": offered, "answer": answer, "said": said, "refusal": refusal}))


asyncio.run(main())
