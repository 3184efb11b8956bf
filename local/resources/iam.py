"""IAM roles and policies, which the emulator enforces."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, document, updates


@creates("aws:iam/role:Role")
def role(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    created = creation.clients("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=document(creation.inputs["assumeRolePolicy"]),
        Tags=creation.tag_list(),
        **creation.given(
            {
                "path": "Path",
                "description": "Description",
                "maxSessionDuration": "MaxSessionDuration",
                "permissionsBoundary": "PermissionsBoundary",
            }
        ),
    )["Role"]
    creation.no_effect("forceDetachPolicies", "nothing is deleted locally")
    return name, {"name": name, "arn": created["Arn"], "uniqueId": created["RoleId"]}


@updates("aws:iam/role:Role", fixed=("path", "permissionsBoundary"))
def role_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, client, before = creation.name(), creation.clients("iam"), creation.before or {}
    client.update_assume_role_policy(
        RoleName=name, PolicyDocument=document(creation.inputs["assumeRolePolicy"])
    )
    settings = {"description": "Description", "maxSessionDuration": "MaxSessionDuration"}
    client.update_role(RoleName=name, **creation.given(settings))
    creation.no_effect("forceDetachPolicies", "nothing is deleted locally")
    return name, {key: before[key] for key in ("name", "arn", "uniqueId")}


@creates("aws:iam/rolePolicy:RolePolicy", puts=True, fixed=("role",))
def role_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, role_name = creation.name(), creation.inputs["role"]
    creation.clients("iam").put_role_policy(
        RoleName=role_name, PolicyName=name, PolicyDocument=document(creation.inputs["policy"])
    )
    return f"{role_name}:{name}", {"name": name}


@creates("aws:iam/policy:Policy")
def policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    arn = creation.clients("iam").create_policy(
        PolicyName=name,
        PolicyDocument=document(creation.inputs["policy"]),
        Tags=creation.tag_list(),
        **creation.given({"path": "Path", "description": "Description"}),
    )["Policy"]["Arn"]
    return arn, {"name": name, "arn": arn}


@creates("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
def role_policy_attachment(creation: Creation) -> tuple[str, dict[str, Any]]:
    role_name, arn = creation.inputs["role"], creation.inputs["policyArn"]
    creation.clients("iam").attach_role_policy(RoleName=role_name, PolicyArn=arn)
    return f"{role_name}-{arn.rsplit('/', 1)[-1]}", {}
